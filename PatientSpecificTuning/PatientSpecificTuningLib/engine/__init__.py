"""The method itself: independent of Slicer, usable from any Python."""
