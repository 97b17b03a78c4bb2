"""Taking nodes out of the scene together with all that only they use."""

from __future__ import annotations

import slicer


def removeNode(node) -> None:
    """Remove a node with its display and storage nodes, which Slicer would leave behind."""
    scene = slicer.mrmlScene
    displays = [node.GetNthDisplayNode(i) for i in range(node.GetNumberOfDisplayNodes())]
    storages = [node.GetNthStorageNode(i) for i in range(node.GetNumberOfStorageNodes())]
    scene.RemoveNode(node)
    for other in displays + storages:
        if other is not None and scene.IsNodePresent(other):
            scene.RemoveNode(other)
