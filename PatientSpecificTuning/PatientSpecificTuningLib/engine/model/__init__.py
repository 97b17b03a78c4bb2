"""What a model says of itself: everything but its weights."""
