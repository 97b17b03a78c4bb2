"""The baseline over the follow-up, moved by a transform of Slicer that sliders turn and shift about the head's centre."""

from __future__ import annotations

import numpy as np
import slicer
from numpy.typing import NDArray
from slicer.i18n import tr as _

from .removal import removeNode

ROLE, SOURCE = "PatientSpecificTuning.Alignment", "PatientSpecificTuning.AlignmentOf"
MOVED, HAND, BEFORE, AFTER = "moved", "hand", "before", "after"


def movedBaseline(volume, case: str, toBaseline: NDArray[np.float64]):
    """A copy of the baseline where the alignment brings it, over the follow-up; what was moved by hand stays moved.

    Args:
        volume: the baseline as the views show it.
        case: the folder; another case, baseline or alignment begins anew.
        toBaseline: 4 x 4, brings places of the follow-up to the baseline, RAS mm.
    """
    source = f"{case}|{volume.GetID()}|{toBaseline.round(6).tolist()}"
    node = _nodeOf(MOVED)
    if node is not None and node.GetAttribute(SOURCE) == source:
        return node
    removeAlignment()
    return _begin(volume, source, toBaseline)


def shownAlignment():
    """The copy of the baseline, None while the alignment is not looked at."""
    return _nodeOf(MOVED)


def handTransform():
    """The transform that sliders change, None while the alignment is not looked at."""
    return _nodeOf(HAND)


def alignedByHand() -> NDArray[np.float64] | None:
    """4 x 4 from places of the follow-up to the baseline as it lies now; None while the alignment is not looked at."""
    moved, hand, before, after = (_nodeOf(role) for role in (MOVED, HAND, BEFORE, AFTER))
    if moved is None or hand is None or before is None or after is None:
        return None
    toFollowup = _matrix(after) @ _matrix(hand) @ _matrix(before)
    return np.linalg.inv(toFollowup)


def removeAlignment() -> None:
    """Take the copy and its transforms out of the scene."""
    for role in (MOVED, BEFORE, HAND, AFTER):
        node = _nodeOf(role)
        if node is not None:
            removeNode(node)


def _begin(volume, source: str, toBaseline: NDArray[np.float64]):
    toFollowup = np.linalg.inv(toBaseline)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", _("Baseline, aligned"))
    # The voxels are shared; only where they lie is its own.
    node.SetAndObserveImageData(volume.GetImageData())
    placed = _placeOf(volume)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(placed))
    node.CreateDefaultDisplayNodes()
    _showAlike(node, volume)
    middle = (np.array(volume.GetImageData().GetDimensions()) - 1) / 2
    centre = (toFollowup @ placed @ [*middle, 1.0])[:3]
    after = _transform(AFTER, _shifted(centre), None)
    hand = _transform(HAND, np.eye(4), after)
    before = _transform(BEFORE, _shifted(-centre) @ toFollowup, hand)
    node.SetAndObserveTransformNodeID(before.GetID())
    _own(node, MOVED)
    node.SetAttribute(SOURCE, source)
    return node


def _placeOf(volume) -> NDArray[np.float64]:
    """Voxel to RAS with the parent transforms of the volume in it."""
    matrix = slicer.util.arrayFromVTKMatrix(_ijkToRas(volume))
    parent = volume.GetParentTransformNode()
    if parent is None:
        return matrix
    toWorld = slicer.util.vtkMatrixFromArray(np.eye(4))
    parent.GetMatrixTransformToWorld(toWorld)
    return slicer.util.arrayFromVTKMatrix(toWorld) @ matrix


def _ijkToRas(volume):
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def _showAlike(node, volume) -> None:
    display, given = node.GetDisplayNode(), volume.GetDisplayNode()
    if given is not None:
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(given.GetWindow(), given.GetLevel())
        display.SetAndObserveColorNodeID(given.GetColorNodeID())


def _transform(role: str, matrix: NDArray[np.float64], parent):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", _("Alignment"))
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    _own(node, role)
    return node


def _own(node, role: str) -> None:
    node.SetAttribute(ROLE, role)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)


def _matrix(node) -> NDArray[np.float64]:
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    node.GetMatrixTransformToParent(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _shifted(by: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def _nodeOf(role: str):
    nodes = slicer.util.getNodesByClass("vtkMRMLTransformableNode")
    return next((node for node in nodes if node.GetAttribute(ROLE) == role), None)
