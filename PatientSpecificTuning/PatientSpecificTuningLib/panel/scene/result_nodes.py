"""The result of a run as nodes of the scene: lesions, outlines, uncertainty, detections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from ...engine.judging.detection import FALSE
from ...engine.judging.detection import FOUND
from ...engine.judging.detection import MISSED
from ...engine.lesions.results import LABELMAP
from ...engine.lesions.results import LESION_LABELS
from ...engine.lesions.results import UNCERTAINTY
from ...engine.lesions.results import Result
from .terminology import LESION_TAG
from .uncertainty_colors import uncertaintyColorNode

ROLE, RUN = "PatientSpecificTuning.Role", "PatientSpecificTuning.Run"
OUTLINE_COLORS = {"outlines": (0.10, 0.85, 0.95), "compared": (1.00, 0.65, 0.00)}
OUTCOMES = {
    FOUND: ("found", (0.20, 0.80, 0.30)),
    MISSED: ("missed", (0.95, 0.20, 0.20)),
    FALSE: ("false", (0.25, 0.55, 1.00)),
}
LARGEST_SD = 0.25


def lesionLabelmap(result: Result, volumeNode):
    """The labelmap node of a result, one label for each lesion."""
    return _existing("lesions", result) or _addVolume(
        "lesions", result, volumeNode, LESION_LABELS, _("Lesions")
    )


def outlines(result: Result, volumeNode, role: str = "outlines"):
    """The segmentation node with the outlines of a result, in the colour of its role ("outlines" or "compared")."""
    existing = _existing(role, result)
    if existing is not None:
        return existing
    title = (
        _("Base CNN")
        if result.run["tuned"] is None
        else _("Patient-specific CNN {number}").format(number=result.run["tuned"])
    )
    node = _addSegmentation(volumeNode, title)
    identifier = node.GetSegmentation().AddEmptySegment("", title, OUTLINE_COLORS[role])
    node.GetSegmentation().GetSegment(identifier).SetTag(*LESION_TAG)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        _array(result.folder / LABELMAP, np.uint8), node, identifier, volumeNode
    )
    return _marked(node, role, result)


def _addSegmentation(volumeNode, title: str):
    """An empty segmentation on the grid of a volume, shown by outlines."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", title)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(2)
    return node


def uncertainty(result: Result, volumeNode):
    """The volume node with the standard deviation of the lesion softmax; None where none was computed."""
    if result.uncertainty is None:
        return None
    existing = _existing("uncertainty", result)
    if existing is not None:
        return existing
    node = _addVolume("uncertainty", result, volumeNode, UNCERTAINTY, _("Uncertainty"))
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(uncertaintyColorNode().GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0, LARGEST_SD)
    display.ApplyThresholdOn()
    return node


def detections(result: Result, volumeNode):
    """Known lesions that were found and missed, and false ones, each a segment; None where nothing was compared."""
    if not result.detections.is_file():
        return None
    existing = _existing("detections", result)
    if existing is not None:
        return existing
    node = _addSegmentation(volumeNode, _("Found, missed and false lesions"))
    labels = _array(result.detections, np.uint8)
    for value, (title, color) in OUTCOMES.items():
        identifier = node.GetSegmentation().AddEmptySegment("", _(title), color)
        mask = (labels == value).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, identifier, volumeNode)
    # Filled, to tell objects from the outlines of the two versions.
    node.GetDisplayNode().SetVisibility2DFill(True)
    node.GetDisplayNode().SetVisibility2DOutline(False)
    node.GetDisplayNode().SetOpacity2DFill(0.4)
    return _marked(node, "detections", result)


def resultNodes() -> list:
    """All nodes that show results."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLNode") if node.GetAttribute(RUN)]


def removeResultNodes(run: str) -> None:
    """Remove the nodes of one result."""
    for node in resultNodes():
        if node.GetAttribute(RUN) == run:
            slicer.mrmlScene.RemoveNode(node)


def runOf(result: Result) -> str:
    """What tells the nodes of one result from those of all others."""
    return str(Path(result.folder).resolve())


def _existing(role: str, result: Result):
    matching = (
        n for n in resultNodes() if n.GetAttribute(ROLE) == role and n.GetAttribute(RUN) == runOf(result)
    )
    return next(matching, None)


def _marked(node, role: str, result: Result):
    node.SetAttribute(ROLE, role)
    node.SetAttribute(RUN, runOf(result))
    return node


def _addVolume(role: str, result: Result, volumeNode, file: str, title: str):
    labels = file == LESION_LABELS
    array = _array(result.folder / file, np.int16 if labels else np.float32)
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLLabelMapVolumeNode" if labels else "vtkMRMLScalarVolumeNode", f"{title} {result.number}"
    )
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    slicer.util.updateVolumeFromArray(node, array)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    return _marked(node, role, result)


def _array(path: Path, kind: type) -> NDArray[np.generic]:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(kind)
