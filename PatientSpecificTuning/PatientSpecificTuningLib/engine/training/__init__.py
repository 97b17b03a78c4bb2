"""Base models learn from annotated examinations."""
