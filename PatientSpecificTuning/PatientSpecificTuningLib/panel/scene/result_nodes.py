"""Results and working images as nodes: made from the files of the case when they are looked at, never saved with the scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
from numpy.typing import NDArray
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ...engine.images.geometry import Grid
from ...engine.images.nifti_file import is_cut_short
from ...engine.judging.detection import FALSE
from ...engine.judging.detection import FOUND
from ...engine.judging.detection import MISSED
from ...engine.lesions.comparison import BASELINE_LESIONS
from ...engine.lesions.results import DETECTIONS
from ...engine.lesions.results import LABELMAP
from ...engine.lesions.results import LESION_LABELS
from ...engine.lesions.results import UNCERTAINTY
from ...engine.network.prepared import IMAGES
from ...engine.network.prepared import ORGAN_MASK
from ..situation.overlay_state import LARGEST_SD
from .image_nodes import volumeNode
from .removal import removeNode
from .segments import addSegment
from .terminology import LESION_TAG
from .uncertainty_colors import uncertaintyColorNode

ROLE, SOURCE = "PatientSpecificTuning.Role", "PatientSpecificTuning.Source"
OUTLINES, COMPARED, BEFORE, ORGAN = "outlines", "compared", "before", "organ"
COLORS = {OUTLINES: (0.10, 0.85, 0.95), COMPARED: (1.00, 0.65, 0.00), ORGAN: (0.55, 0.90, 0.45)}


def outlines(folder: Path, role: str, title: str):
    """The segmentation with the outlines of a result, in the colour of its role.

    Args:
        folder: of the result.
        role: OUTLINES for the shown version, COMPARED for the one it is compared with.
    """
    return _node(role, folder / LABELMAP, lambda image: _segmentation(image, title, COLORS[role]))


def before(folder: Path, toBaseline: NDArray[np.float64], title: str):
    """The lesions of the baseline as change was looked for, in the baseline's own place.

    Args:
        toBaseline: 4 x 4, brings places of the follow-up to the baseline, RAS mm.
    """
    return _node(
        BEFORE,
        folder / BASELINE_LESIONS,
        lambda image: _segmentation(image, title, COLORS[OUTLINES], toBaseline),
    )


def lesionLabels(folder: Path, title: str):
    """The labelmap of a result, one label for each lesion; made to be exported."""
    kind = "vtkMRMLLabelMapVolumeNode"
    return _node(
        "lesions",
        folder / LESION_LABELS,
        lambda image: volumeNode(sitk.Cast(image, sitk.sitkInt16), title, kind),
    )


def uncertainty(folder: Path):
    """The volume with the standard deviation of the lesion softmax."""
    return _node("uncertainty", folder / UNCERTAINTY, _uncertaintyVolume)


def detections(folder: Path):
    """Known lesions that were found and missed, and false ones, each a segment; None where nothing was compared."""
    return _node("detections", folder / DETECTIONS, _detections)


def organOutline(examinationFolder: Path, title: str):
    """The outline of the organ mask that the CNN works in."""
    return _node(
        ORGAN, examinationFolder / ORGAN_MASK, lambda image: _segmentation(image, title, COLORS[ORGAN])
    )


def workingImage(examinationFolder: Path, channel: int, grid: Grid, title: str):
    """One channel of what the CNN sees: registered, on its grid, its intensities on one scale."""

    def make() -> object:
        values = np.array(np.load(examinationFolder / IMAGES, mmap_mode="r")[channel])
        node = volumeNode(grid.image(values), title)
        node.GetDisplayNode().SetAutoWindowLevel(True)
        return node

    return _made(f"image {channel}", examinationFolder / IMAGES, make)


def resultNodes() -> list:
    """All nodes that were made here."""
    return [
        node for node in slicer.util.getNodesByClass("vtkMRMLDisplayableNode") if node.GetAttribute(SOURCE)
    ]


def removeResultNodes(folder: Path | None = None) -> None:
    """Remove the nodes of one result or examination, or all of them."""
    for node in resultNodes():
        if folder is None or Path(node.GetAttribute(SOURCE).partition("|")[0]).parent == folder:
            removeNode(node)


def _node(role: str, path: Path, make: Callable[[sitk.Image], object]):
    return _made(role, path, lambda: make(_image(path)))


def _made(role: str, path: Path, make: Callable[[], object]):
    """The node of a file, made where it is not in the scene yet or where the file is another since."""
    try:
        status = path.stat()
    except OSError:
        return None
    source = f"{path}|{status.st_mtime_ns}"
    earlier = [n for n in resultNodes() if n.GetAttribute(ROLE) == role and _isOf(n, path)]
    for node in earlier:
        if node.GetAttribute(SOURCE) == source:
            return node
        removeNode(node)
    node = make()
    node.SetAttribute(ROLE, role)
    node.SetAttribute(SOURCE, source)
    _keepOutOfScenes(node)
    return node


def _isOf(node, path: Path) -> bool:
    return node.GetAttribute(SOURCE).rpartition("|")[0] == str(path)


def _keepOutOfScenes(node) -> None:
    """The case gives it again, so a saved scene stays small and holds no result of another day."""
    node.SetSaveWithScene(False)
    for i in range(node.GetNumberOfDisplayNodes()):
        node.GetNthDisplayNode(i).SetSaveWithScene(False)


def _image(path: Path) -> sitk.Image:
    try:
        # What is missing at the end would be read as zeros.
        image = None if is_cut_short(path) else sitk.ReadImage(str(path))
    except (OSError, ValueError, RuntimeError):
        image = None
    if image is None:
        message = _("{file} is missing or damaged; remove this version and show the result again.")
        raise InputError(message.format(file=path))
    return image


def _segmentation(
    image: sitk.Image,
    title: str,
    color: tuple[float, float, float],
    moved: NDArray[np.float64] | None = None,
):
    node = _newSegmentation(title)
    identifier = addSegment(node, title, color, image, moved)
    if color != COLORS[ORGAN]:
        node.GetSegmentation().GetSegment(identifier).SetTag(*LESION_TAG)
    return _inScene(node)


def _newSegmentation(title: str):
    """Not in the scene: all who look at a node there look again at each of its changes."""
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(slicer.mrmlScene.GenerateUniqueName(title))
    node.SetSaveWithScene(False)
    return node


def _inScene(node, *, isFilled: bool = False):
    """The segmentation in the scene, seen nowhere until it is told where."""
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetVisibility(False)
        display.SetVisibility2DFill(isFilled)
        display.SetVisibility2DOutline(not isFilled)
        display.SetSliceIntersectionThickness(2)
        display.SetOpacity2DFill(0.4)
    return node


def _uncertaintyVolume(image: sitk.Image):
    node = volumeNode(sitk.Cast(image, sitk.sitkFloat32), _("Uncertainty"))
    display, colors = node.GetDisplayNode(), uncertaintyColorNode()
    with slicer.util.NodeModify(display):
        display.SetAndObserveColorNodeID(colors.GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(0, LARGEST_SD)
        display.ApplyThresholdOn()
    return node


def _detections(image: sitk.Image):
    outcomes = {
        FOUND: (_("found"), (0.20, 0.80, 0.30)),
        MISSED: (_("missed"), (0.95, 0.20, 0.20)),
        FALSE: (_("false"), (0.25, 0.55, 1.00)),
    }
    node = _newSegmentation(_("Found, missed and false lesions"))
    for value, (title, color) in outcomes.items():
        addSegment(node, title, color, image == value)
    # Filled, to tell them from the outlines of the two versions.
    return _inScene(node, isFilled=True)
