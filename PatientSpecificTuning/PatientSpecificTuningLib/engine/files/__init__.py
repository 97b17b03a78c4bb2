"""Files that are complete or not there, and known by their content."""
