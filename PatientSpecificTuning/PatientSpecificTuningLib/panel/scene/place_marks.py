"""A small cross at the chosen lesion, in each examination at its own place."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _

from ..situation.state import Place
from .views import sliceNodeId

ROLE = "PatientSpecificTuning.PlaceMark"


def markPlaces(places: dict[str, Place | None]) -> None:
    """Mark a place in the views of each examination; None hides its mark."""
    for examination, place in places.items():
        node = _markOf(examination)
        if place is None:
            if node is not None:
                node.GetDisplayNode().SetVisibility(False)
            continue
        node = node or _newMark(examination)
        if node.GetNumberOfControlPoints():
            node.SetNthControlPointPosition(0, *place)
        else:
            node.AddControlPoint(vtk.vtkVector3d(*place))
        node.GetDisplayNode().SetVisibility(True)


def _markOf(examination: str):
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    return next((node for node in nodes if node.GetAttribute(ROLE) == examination), None)


def _newMark(examination: str):
    scene = slicer.mrmlScene
    node = scene.CreateNodeByClass("vtkMRMLMarkupsFiducialNode")
    node.UnRegister(None)
    node.SetName(_("Chosen lesion"))
    node.SetAttribute(ROLE, examination)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node.SetLocked(True)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetSaveWithScene(False)
        display.SetGlyphTypeFromString("Cross2D")
        display.SetGlyphScale(2.5)
        display.SetPointLabelsVisibility(False)
        display.SetColor(1.0, 1.0, 0.2)
        display.SetSelectedColor(1.0, 1.0, 0.2)
        display.SetViewNodeIDs([sliceNodeId(examination)])
    return node
