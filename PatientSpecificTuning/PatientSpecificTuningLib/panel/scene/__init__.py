"""Between nodes of the scene and the case: images, corrections, results, and which view shows what."""
