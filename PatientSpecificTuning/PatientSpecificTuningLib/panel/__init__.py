"""What runs inside 3D Slicer: parameter node, sections of the panel, nodes and the case folder, display."""
