"""Slice views: jumping to a place, and baseline beside follow-up."""

from __future__ import annotations

import numpy as np
import slicer

from ...engine.images.geometry import Grid

COMPARE_LAYOUT = 501
VIEWS = ("Red", "Yellow", "Green")
BASELINE_VIEW, FOLLOWUP_VIEW = "Red", "Yellow"
COMPARE_DESCRIPTION = """
<layout type="horizontal" split="true">
 <item><view class="vtkMRMLSliceNode" singletontag="Red">
  <property name="orientation" action="default">Axial</property>
  <property name="viewlabel" action="default">B</property>
  <property name="viewcolor" action="default">#F34A33</property>
 </view></item>
 <item><view class="vtkMRMLSliceNode" singletontag="Yellow">
  <property name="orientation" action="default">Axial</property>
  <property name="viewlabel" action="default">F</property>
  <property name="viewcolor" action="default">#EDD54C</property>
 </view></item>
</layout>"""


def sliceNodeId(view: str) -> str:
    """The id of the slice node of a view, by which a display node can be kept to it."""
    return f"vtkMRMLSliceNode{view}"


def sliceCentre(grid: Grid, position: int) -> tuple[float, float, float]:
    """RAS mm of the centre of a slice of the working grid."""
    x, y, _z = grid.size
    index = np.array([(x - 1) / 2, (y - 1) / 2, position])
    left, posterior, superior = np.asarray(grid.origin) + grid.axes @ (index * grid.spacing)
    return float(-left), float(-posterior), float(superior)


def sliceAt(grid: Grid, ras: tuple[float, float, float]) -> int:
    """The slice of the working grid that is nearest to a place; it may lie outside the grid."""
    lps = np.asarray(ras) * (-1, -1, 1)
    return round(float((grid.axes.T @ (lps - grid.origin))[2] / grid.spacing[2]))


def jumpTo(ras: tuple[float, float, float]) -> None:
    """Move every slice view to a place."""
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByOffsetting(*ras)


def shownPlace(view: str) -> tuple[float, float, float]:
    """RAS mm of the centre of a view."""
    matrix = _sliceNode(view).GetSliceToRAS()
    return tuple(matrix.GetElement(i, 3) for i in range(3))


def showVolume(volumeNode, view: str | None = None) -> None:
    """Show a volume as background of one view or of all, its slices in the plane of its voxels."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if view in (None, composite.GetLayoutName()):
            composite.SetBackgroundVolumeID(volumeNode.GetID())
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        if view in (None, node.GetLayoutName()):
            node.RotateToVolumePlane(volumeNode)


def showOverlay(volumeNode, view: str, opacity: float) -> None:
    """Show a volume as foreground of one view; None clears it."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetLayoutName() == view:
            composite.SetForegroundVolumeID(None if volumeNode is None else volumeNode.GetID())
            composite.SetForegroundOpacity(opacity)


def linkViews(*views: str) -> None:
    """Let views move together."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetLayoutName() in views:
            composite.SetLinkedControl(True)


class CompareLayout:
    """Baseline beside follow-up; the user's own layout comes back afterwards."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._orientations: dict[str, str] = {}

    def show(self) -> None:
        """Switch to two axial views."""
        node = _layoutNode()
        if node is None or node.GetViewArrangement() == COMPARE_LAYOUT:
            return
        if not node.GetLayoutDescription(COMPARE_LAYOUT):
            node.AddLayoutDescription(COMPARE_LAYOUT, COMPARE_DESCRIPTION)
        self._before = node.GetViewArrangement()
        node.SetViewArrangement(COMPARE_LAYOUT)
        for view in (BASELINE_VIEW, FOLLOWUP_VIEW):
            self._orientations[view] = _sliceNode(view).GetOrientation()
            _sliceNode(view).SetOrientation("Axial")

    def restore(self) -> None:
        """Bring the layout back that the user had, unless the user chose another since."""
        node = _layoutNode()
        if node is not None and self._before is not None and node.GetViewArrangement() == COMPARE_LAYOUT:
            node.SetViewArrangement(self._before)
            for view, orientation in self._orientations.items():
                _sliceNode(view).SetOrientation(orientation)
        self._before = None


def _sliceNode(view: str):
    return slicer.mrmlScene.GetNodeByID(sliceNodeId(view))


def _layoutNode():
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
