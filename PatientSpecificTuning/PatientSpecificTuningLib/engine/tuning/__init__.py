"""Patient-specific fine-tuning: which slices, which pixels, which weights."""
