"""What the base CNN finds, slice by slice, while it still looks at a scan: labelmaps that are never saved."""

from __future__ import annotations

import numpy as np
import qt
import slicer

from ...engine.images.geometry import Grid
from ...jobs.seen_slices import SeenSlice
from ..situation.state import BASELINE
from ..situation.state import FOLLOWUP
from .corrections import COLOR
from .image_nodes import volumeNode
from .removal import removeNode
from .result_nodes import COLORS
from .result_nodes import OUTLINES

LABELS = {BASELINE: 1, FOLLOWUP: 2}
COLOR_NAME = "Found so far"
# Slices come faster than an eye needs them.
MILLISECONDS_BETWEEN_DRAWINGS = 200


class FoundSoFar:
    """One labelmap for each examination of the case that is being prepared."""

    def __init__(self) -> None:
        self.caseFolder = ""
        self._nodes: dict[str, str] = {}
        self._drawing = qt.QTimer()
        self._drawing.setSingleShot(True)
        self._drawing.setInterval(MILLISECONDS_BETWEEN_DRAWINGS)
        self._drawing.connect("timeout()", self._draw)

    def take(self, caseFolder: str, seen: SeenSlice) -> None:
        """Show the lesions of one more slice."""
        if caseFolder != self.caseFolder:
            self.clear()
            self.caseFolder = caseFolder
        node = self._node(seen.examination) or self._made(seen.examination, seen.grid)
        slicer.util.arrayFromVolume(node)[seen.position] = LABELS[seen.examination] * seen.lesions
        if not self._drawing.isActive():
            self._drawing.start()

    def nodeId(self, examination: str) -> str:
        """The labelmap of an examination, empty where nothing was seen of it yet."""
        node = self._node(examination)
        return "" if node is None else node.GetID()

    def clear(self) -> bool:
        """Remove all of it; returns whether there was any."""
        self._drawing.stop()
        nodes = [node for examination in self._nodes if (node := self._node(examination)) is not None]
        self._nodes.clear()
        self.caseFolder = ""
        for node in nodes:
            removeNode(node)
        return bool(nodes)

    def _node(self, examination: str):
        identifier = self._nodes.get(examination)
        return None if identifier is None else slicer.mrmlScene.GetNodeByID(identifier)

    def _made(self, examination: str, grid: Grid):
        empty = grid.image(np.zeros(grid.shape, dtype=np.uint8))
        node = volumeNode(empty, COLOR_NAME, "vtkMRMLLabelMapVolumeNode")
        # No user chooses it, and no scene keeps it.
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        display = node.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetAndObserveColorNodeID(_colorNode().GetID())
        self._nodes[examination] = node.GetID()
        return node

    def _draw(self) -> None:
        for examination in self._nodes:
            node = self._node(examination)
            if node is not None:
                slicer.util.arrayFromVolumeModified(node)


def _colorNode():
    """As corrections and results look, made where it is not there yet."""
    existing = slicer.mrmlScene.GetFirstNodeByName(COLOR_NAME)
    if existing is not None and existing.IsA("vtkMRMLColorTableNode"):
        return existing
    node = slicer.vtkMRMLColorTableNode()
    node.SetName(COLOR_NAME)
    node.SetTypeToUser()
    node.SetNumberOfColors(1 + len(LABELS))
    node.SetColor(0, "nothing", 0.0, 0.0, 0.0, 0.0)
    for examination, color in ((BASELINE, COLOR), (FOLLOWUP, COLORS[OUTLINES])):
        node.SetColor(LABELS[examination], examination, *color, 1.0)
    node.SetSaveWithScene(False)
    return slicer.mrmlScene.AddNode(node)
