"""Shows the overlays of the state, each in the views of its examination, and hides every other of ours."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from ..situation.facts import CaseFacts
from ..situation.state import EXAMINATIONS
from ..situation.state import FOLLOWUP
from ..situation.state import Overlay
from ..situation.state import PanelState
from . import corrections
from . import hierarchy
from . import result_nodes
from .hand_alignment import movedBaseline
from .hand_alignment import shownAlignment
from .views import sliceNodeId

SMALLEST_SHOWN_SD = 1e-6


class Overlays:
    """Makes the nodes of overlays when they are first shown."""

    def __init__(self) -> None:
        self._shown: tuple = ()
        self._kept: tuple = ()

    def hideOthers(self, state: PanelState) -> None:
        """Hide at once what belongs to other images, before these are shown; where nothing changed, nothing is touched."""
        drawn = {overlay.source for overlay in state.overlays if overlay.role == "corrections"}
        kept = (state.caseFolder, drawn)
        if kept == self._kept:
            return
        self._kept = kept
        results = (node for node in result_nodes.resultNodes() if _isOfCase(node, state.caseFolder))
        _hideAllBut(drawn.union(node.GetID() for node in results))

    def show(self, state: PanelState, case: CaseFacts | None, threshold: float) -> bool:
        """Show what the state says; where nothing changed, nothing is touched.

        Args:
            threshold: smallest standard deviation that is drawn.

        Returns:
            whether all is shown. One node is made at a time, which takes Slicer long enough; more follows when this is
            called again.
        """
        wanted = (state.overlays, state.caseFolder, threshold, _stamps(state, case))
        if wanted == self._shown:
            return True
        visible, isComplete = {}, True
        known = {node.GetID() for node in result_nodes.resultNodes()}
        for overlay in state.overlays:
            node = _nodeOf(overlay, state, case)
            if node is not None:
                visible[node.GetID()] = (node, overlay)
                if node.GetAttribute(result_nodes.SOURCE) and node.GetID() not in known:
                    isComplete = False
                    break
        self._shown = wanted if isComplete else ()
        _hideAllBut(visible)
        for node, overlay in visible.values():
            _display(node, overlay, threshold)
        results = [node for node, overlay in visible.values() if overlay.role != "corrections"]
        followup = state.followup.images[0].nodeId if state.followup.images else ""
        hierarchy.putBeside(slicer.mrmlScene.GetNodeByID(followup) if followup else None, results)
        return isComplete

    def redrawLegends(self) -> None:
        """A legend looks only when it changes whether its volume is in a view; call after views were filled."""
        for legend in slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode"):
            if legend.GetViewNodeIDs() == (sliceNodeId(FOLLOWUP),) and legend.GetVisibility():
                legend.SetVisibility(False)
                legend.SetVisibility(True)

    def forget(self) -> None:
        """The scene was closed or nodes were removed."""
        self._shown = self._kept = ()

    def foregrounds(self, state: PanelState) -> dict[str, tuple[str, float]]:
        """Which volume lies over the image of an examination, and its opacity."""
        found = {}
        for examination in EXAMINATIONS:
            for overlay in state.overlays:
                if overlay.examination == examination and overlay.role in ("image", "uncertainty", "blend"):
                    node = shownAlignment() if overlay.role == "blend" else _nodeOfRole(overlay, state)
                    if node is not None:
                        found[examination] = (node.GetID(), overlay.opacity)
        return found


def _stamps(state: PanelState, case: CaseFacts | None) -> tuple:
    """What changes when a result gets more files, such as its uncertainty."""
    return (
        ()
        if case is None
        else (tuple((v.number, v.hasUncertainty, v.judged) for v in state.review.versions), case.toBaseline)
    )


def _folder(overlay: Overlay, state: PanelState) -> Path:
    if overlay.source:
        return Path(state.caseFolder) / "results" / overlay.source
    return Path(state.caseFolder) / overlay.examination


def _nodeOf(overlay: Overlay, state: PanelState, case: CaseFacts | None):
    if overlay.role == "corrections":
        return slicer.mrmlScene.GetNodeByID(overlay.source)
    if overlay.role == "blend":
        return _blend(state, case)
    folder, version = _folder(overlay, state), _versionTitle(state, overlay.source)
    if overlay.role in (result_nodes.OUTLINES, result_nodes.COMPARED):
        return result_nodes.outlines(folder, overlay.role, version)
    if overlay.role == "before" and case is not None and case.toBaseline:
        matrix = np.reshape(case.toBaseline, (4, 4))
        return result_nodes.before(folder, matrix, _("Baseline lesions"))
    if overlay.role == "detections":
        return result_nodes.detections(folder)
    if overlay.role == "uncertainty":
        return result_nodes.uncertainty(folder)
    if overlay.role == "organ":
        return result_nodes.organOutline(
            folder, _("{examination} mask").format(examination=_title(state, overlay))
        )
    return _workingImage(folder, overlay, state, case)


def _blend(state: PanelState, case: CaseFacts | None):
    volume = slicer.mrmlScene.GetNodeByID(state.baseline.shownId) if state.baseline.shownId else None
    if volume is None or case is None or not case.toBaseline:
        return None
    return movedBaseline(volume, case.folder, np.reshape(case.toBaseline, (4, 4)))


def _workingImage(folder: Path, overlay: Overlay, state: PanelState, case: CaseFacts | None):
    grid = None if case is None else case.workingGrids.get(overlay.examination)
    if grid is None:
        return None
    channel = state.workingChannel
    title = _("{examination} {sequence} as the CNN sees it").format(
        examination=_title(state, overlay), sequence=state.workingSequence
    )
    return result_nodes.workingImage(folder, channel, grid, title)


def _nodeOfRole(overlay: Overlay, state: PanelState):
    folder = _folder(overlay, state)
    role = overlay.role if overlay.role != "image" else f"image {state.workingChannel}"
    for node in result_nodes.resultNodes():
        path = Path(node.GetAttribute(result_nodes.SOURCE).rpartition("|")[0])
        if node.GetAttribute(result_nodes.ROLE) == role and path.parent == folder:
            return node
    return None


def _title(state: PanelState, overlay: Overlay) -> str:
    return next(e.title for e in state.examinations if e.name == overlay.examination)


def _versionTitle(state: PanelState, number: str) -> str:
    return next((version.title for version in state.review.versions if version.number == number), number)


def _allCorrections() -> list:
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return [node for node in nodes if node.GetAttribute(corrections.BASELINE) is not None]


def _display(node, overlay: Overlay, threshold: float) -> None:
    display = node.GetDisplayNode()
    if node.IsA("vtkMRMLSegmentationNode"):
        display.SetViewNodeIDs([sliceNodeId(overlay.examination)])
        display.SetOpacity(overlay.opacity)
        display.SetVisibility(True)
    elif overlay.role == "uncertainty":
        display.SetLowerThreshold(max(threshold, SMALLEST_SHOWN_SD))
        display.SetUpperThreshold(1.0)
        _showLegend(node)


def _showLegend(node) -> None:
    """The legend of the uncertainty, in the follow-up's view alone."""
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(node)
    if legend is None:
        return
    legend.SetSaveWithScene(False)
    legend.SetAndObserveColorNodeID(node.GetDisplayNode().GetColorNodeID())
    legend.SetTitleText(_("Uncertainty"))
    legend.SetLabelFormat("%.2f")
    legend.SetSize(0.10, 0.40)
    legend.SetViewNodeIDs([sliceNodeId(FOLLOWUP)])
    legend.SetVisibility(True)


def _isOfCase(node, caseFolder: str) -> bool:
    file = Path(node.GetAttribute(result_nodes.SOURCE).rpartition("|")[0])
    return bool(caseFolder) and file.is_relative_to(caseFolder)


def _hideAllBut(visible: Container[str]) -> None:
    """Hide the segmentations of ours and the legends whose nodes are not named."""
    results = result_nodes.resultNodes()
    for node in [*results, *_allCorrections()]:
        if node.GetID() not in visible and node.IsA("vtkMRMLSegmentationNode"):
            node.GetDisplayNode().SetVisibility(False)
    for node in results:
        if node.GetAttribute(result_nodes.ROLE) == "uncertainty" and node.GetID() not in visible:
            legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(node)
            if legend is not None:
                legend.SetVisibility(False)
