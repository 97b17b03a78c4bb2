"""The researcher's corrections of baseline slices: a segmentation that the program writes once and never again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
from numpy.typing import NDArray
from slicer.i18n import tr as _

from ...engine.images.geometry import Grid
from ...engine.images.geometry import resample_labelmap
from ...engine.images.volumes import read_labelmap
from ...engine.images.volumes import write_volume
from .node_images import segmentImage
from .terminology import LESION_TAG

START_NAME = "corrections_start.nrrd"
SEGMENT = "Lesion"
# Attributes of the node: the content of the baseline it belongs to, and which slices of it were marked and added.
BASELINE, MARKED, ADDED = (f"PatientSpecificTuning.{name}" for name in ("Baseline", "Marked", "Added"))
UNTOUCHED, IN_PROGRESS, CORRECTED = "untouched", "in progress", "corrected"


class Corrections:
    """Lesions that the researcher corrects on the baseline, and what became of each slice.

    The segment starts with what the base CNN found, or with known lesions, on all slices at once. From then on
    it belongs to the researcher. Slices are those of the working grid.
    """

    def __init__(self, node, workingGrid: Grid, start: NDArray[np.bool_]) -> None:
        self.node = node
        self.workingGrid = workingGrid
        self.start = start

    @classmethod
    def create(
        cls, volumeNode, userGrid: Grid, workingGrid: Grid, startImage: sitk.Image, folder: Path
    ) -> Corrections:
        """Make the segmentation node beside the baseline volume.

        Args:
            startImage: uint8 0/1, the lesions to start from, on any grid.
        """
        onUserGrid = resample_labelmap(startImage, userGrid)
        write_volume(onUserGrid, folder / START_NAME)
        name = _("Corrections of {name}").format(name=volumeNode.GetName())
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        identifier = node.GetSegmentation().AddEmptySegment("", SEGMENT, [0.90, 0.20, 0.25])
        segment = node.GetSegmentation().GetSegment(identifier)
        segment.SetTag(*LESION_TAG)
        array = sitk.GetArrayFromImage(onUserGrid)
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, identifier, volumeNode)
        display = node.GetDisplayNode()
        display.SetOpacity2DFill(0.25)
        return cls(node, workingGrid, _onGrid(onUserGrid, workingGrid))

    @classmethod
    def reopen(cls, node, workingGrid: Grid, folder: Path) -> Corrections:
        """The corrections of a scene that was loaded again, or of a baseline that was prepared anew elsewhere."""
        corrections = cls(node, workingGrid, np.zeros(workingGrid.shape, dtype=bool))
        if (folder / START_NAME).is_file():
            start = read_labelmap(folder / START_NAME, "start of the corrections")
            corrections.start = _onGrid(start, workingGrid)
        else:
            corrections.start = corrections.labels()
        return corrections

    @property
    def segmentId(self) -> str:
        """The segment that holds the lesions."""
        segmentation = self.node.GetSegmentation()
        return segmentation.GetSegmentIdBySegmentName(SEGMENT) or segmentation.GetNthSegmentID(0)

    def labels(self) -> NDArray[np.bool_]:
        """What is drawn now, bool (Z, Y, X) on the working grid."""
        image = segmentImage(self.node, self.segmentId)
        if image is None:
            return np.zeros(self.workingGrid.shape, dtype=bool)
        return _onGrid(image, self.workingGrid)

    def statuses(self, slices: list[int], corrected: list[int]) -> dict[int, str]:
        """What became of each slice: marked as corrected, drawn on, or untouched."""
        drawn = self.labels()
        statuses = {}
        for position in slices:
            changed = not np.array_equal(drawn[position], self.start[position])
            statuses[position] = IN_PROGRESS if changed else UNTOUCHED
        return statuses | dict.fromkeys(corrected, CORRECTED)

    def write(self, path: Path) -> Path:
        """Write what is drawn now for the worker."""
        write_volume(self.workingGrid.image(self.labels().astype(np.uint8)), path)
        return path


def leave(node, corrected: list[int], added: list[int]) -> None:
    """Hide the node and keep with it which slices were marked as corrected and added, for its baseline's return."""
    node.SetAttribute(MARKED, " ".join(map(str, corrected)))
    node.SetAttribute(ADDED, " ".join(map(str, added)))
    node.GetDisplayNode().SetVisibility(False)


def takeUp(baseline: str) -> tuple[Any, list[int], list[int]]:
    """The node of a baseline, shown, and its corrected and its added slices; None and nothing without such a node."""
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    node = next((node for node in nodes if node.GetAttribute(BASELINE) == baseline), None)
    if node is None:
        return None, [], []
    node.GetDisplayNode().SetVisibility(True)
    marked, added = (list(map(int, (node.GetAttribute(key) or "").split())) for key in (MARKED, ADDED))
    return node, marked, added


def _onGrid(image: sitk.Image, grid: Grid) -> NDArray[np.bool_]:
    return sitk.GetArrayFromImage(resample_labelmap(image, grid)) > 0
