"""From image files to arrays on the working grid, and back."""
