"""The dilated CNN: its layers, its stored features, its models on disk and what it predicts."""
