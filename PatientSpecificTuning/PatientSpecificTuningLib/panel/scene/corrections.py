"""The researcher's corrections of the baseline: a segmentation on whose touched slices the program never writes.

What was marked lives with the node, bound to the baseline's content and to what each slice held when it was marked. So
does what the program last put on each slice: as long as a slice holds exactly that, nobody has touched it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
from numpy.typing import NDArray
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ...engine.images.geometry import Grid
from ...engine.images.geometry import resample_labelmap
from ...engine.images.volumes import write_volume
from ..situation.facts import CorrectionFacts
from ..situation.facts import SliceContent
from .drawn_slices import EMPTY
from .drawn_slices import DrawnSlices
from .node_images import gridOf
from .node_images import labelImage
from .node_images import parentMatrix
from .segments import addSegment
from .segments import putPlane
from .terminology import LESION_TAG

SEGMENT, COLOR = "Lesion", (0.90, 0.20, 0.25)
BASELINE, MARKS, ADDED, START, LEARNED, KNOWN, RETIRED, PROPOSED, LIVE, SHIFTS = (
    f"PatientSpecificTuning.{name}"
    for name in (
        "Baseline",
        "Marks",
        "Added",
        "Start",
        "Learned",
        "StartsFromKnown",
        "Retired",
        "Proposed",
        "Live",
        "Shifts",
    )
)


def begin(volume, baseline: str, workingGrid: Grid, start: sitk.Image, *, isKnown: bool):
    """Make the segmentation node of a baseline.

    Args:
        volume: the node that is drawn on.
        baseline: its content, to which everything is bound.
        start: uint8 0/1, the lesions to start from, on any grid.
        isKnown: whether these are known lesions rather than what the base CNN found.
    """
    userGrid, scene = gridOf(volume), slicer.mrmlScene
    node = scene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(scene.GenerateUniqueName(_("Corrections of {name}").format(name=volume.GetName())))
    # The segments lie under the transform of their node, the image in the patient.
    fromPatient = np.linalg.inv(parentMatrix(volume))
    identifier = addSegment(node, SEGMENT, COLOR, resample_labelmap(start, userGrid), fromPatient)
    node.GetSegmentation().GetSegment(identifier).SetTag(*LESION_TAG)
    node.SetAttribute(BASELINE, baseline)
    node.SetAttribute(KNOWN, "1" if isKnown else "")
    # All who look at a node in the scene look again at each of its changes, so it comes there complete.
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetOpacity2DFill(0.25)
        display.SetSliceIntersectionThickness(2)
    node.SetAttribute(START, json.dumps(DrawnSlices(node, userGrid, workingGrid).all()))
    return node


def findCorrections(baseline: str):
    """The node that holds the corrections of a baseline, None where there is none."""
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return next((n for n in nodes if belongsTo(n, baseline)), None)


def belongsTo(node, baseline: str) -> bool:
    """Whether a node holds the corrections of a baseline with which the work goes on."""
    return bool(baseline) and node.GetAttribute(BASELINE) == baseline and not node.GetAttribute(RETIRED)


def retire(node) -> None:
    """Keep the corrections in the scene, hidden, but work on with others."""
    node.SetAttribute(RETIRED, "1")
    node.GetDisplayNode().SetVisibility(False)


def remembered(node) -> CorrectionFacts:
    """What the node says of itself, without what is drawn on its slices."""
    start = _values(node, START)
    return CorrectionFacts(
        nodeId=node.GetID(),
        segmentId=segmentId(node),
        baseline=node.GetAttribute(BASELINE) or "",
        marks={int(position): mark for position, mark in _values(node, MARKS).items()},
        added=tuple(map(int, (node.GetAttribute(ADDED) or "").split())),
        startAreas={int(position): area for position, (_content, area) in start.items()},
        learned=_values(node, LEARNED),
        startIsKnownLesions=bool(node.GetAttribute(KNOWN)),
        proposed=tuple(map(int, (node.GetAttribute(PROPOSED) or "").split())),
        live=node.GetAttribute(LIVE) or "",
        shifts={int(position): shift for position, shift in _values(node, SHIFTS).items()},
    )


def contents(node, userGrid: Grid, workingGrid: Grid, positions: Iterable[int]) -> dict[int, SliceContent]:
    """What is drawn on slices of the working grid now, and what was there at the start."""
    drawn, start = DrawnSlices(node, userGrid, workingGrid), _values(node, START)
    found = {}
    for position in positions:
        content, area = drawn.read(position)
        found[position] = SliceContent(content, start.get(str(position), (EMPTY, 0))[0], area)
    return found


def setMarks(node, marks: dict[int, str]) -> None:
    """Remember which slices are corrected and what each held."""
    node.SetAttribute(MARKS, json.dumps(marks, sort_keys=True))


def setAdded(node, added: Iterable[int]) -> None:
    """Remember which slices the user added to the proposed ones."""
    node.SetAttribute(ADDED, " ".join(map(str, sorted(added))))


def setLearned(node, number: str, fingerprint: str) -> None:
    """Remember from what a tuned version has learned."""
    node.SetAttribute(LEARNED, json.dumps({**_values(node, LEARNED), number: fingerprint}))


def setProposed(node, live: str, proposed: Iterable[int]) -> None:
    """Remember which open slices are proposed now, and what the CNN had learned from."""
    with slicer.util.NodeModify(node):
        node.SetAttribute(PROPOSED, " ".join(map(str, proposed)))
        node.SetAttribute(LIVE, live)


def propose(
    node, userGrid: Grid, workingGrid: Grid, lesions: sitk.Image, positions: Iterable[int]
) -> list[int]:
    """Put newly found lesions on slices that hold exactly what the program put there before, and on no other.

    A segmentation to which the user added a segment is left alone, since they may share their voxels.

    Args:
        lesions: uint8 0/1 on the grid of the user.

    Returns:
        the slices that changed.
    """
    if lesions.GetSize() != tuple(userGrid.size) or node.GetSegmentation().GetNumberOfSegments() != 1:
        return []
    start, marks = _values(node, START), _values(node, MARKS)
    drawn, changed = DrawnSlices(node, userGrid, workingGrid), []
    for position in positions:
        key = str(position)
        before = drawn.read(position)[0]
        if key in marks or before != start.get(key, (EMPTY, 0))[0]:
            continue
        if drawn.summary(drawn.planeOf(lesions, position))[0] == before:
            continue
        putPlane(node, segmentId(node), lesions, *drawn.place(position))
        start[key] = drawn.read(position)
        changed.append(position)
    # A slice on which nothing was put needs no entry.
    node.SetAttribute(START, json.dumps({key: put for key, put in start.items() if put[0] != EMPTY}))
    return changed


def proposeShifted(
    node, userGrid: Grid, workingGrid: Grid, lesions: NDArray[np.bool_], position: int, shift: float
) -> None:
    """Put lesions on a slice, as `propose` does, and remember by what shift of the logit they were found.

    Args:
        lesions: bool (Y, X), a slice of the working grid.
        shift: 0 forgets it.

    Raises:
        InputError: the user added a segment.
    """
    if node.GetSegmentation().GetNumberOfSegments() != 1:
        raise InputError(
            _("You added a segment of your own, so the program marks nothing by itself any more.")
        )
    axis, index = DrawnSlices(node, userGrid, workingGrid).place(position)
    plane = workingGrid.plane(2, position).image(lesions[None].astype(np.uint8))
    array = np.zeros(userGrid.shape, dtype=np.uint8)
    moved = sitk.GetArrayViewFromImage(resample_labelmap(plane, userGrid.plane(axis, index)))
    np.moveaxis(array, 2 - axis, 0)[index] = moved.squeeze(2 - axis)
    propose(node, userGrid, workingGrid, userGrid.image(array), [position])
    shifts = {**_values(node, SHIFTS), str(position): shift}
    node.SetAttribute(SHIFTS, json.dumps({key: value for key, value in shifts.items() if value}))


def segmentId(node) -> str:
    """The segment that is drawn on; empty where there is none."""
    segmentation = node.GetSegmentation()
    if not segmentation.GetNumberOfSegments():
        return ""
    return segmentation.GetSegmentIdBySegmentName(SEGMENT) or segmentation.GetNthSegmentID(0)


def write(node, workingGrid: Grid, path: Path) -> Path:
    """Write all that is drawn now, of all segments, for the worker."""
    try:
        image = labelImage(node, workingGrid)
    except InputError:
        image = workingGrid.image(np.zeros(workingGrid.shape, dtype=np.uint8))
    write_volume(image, path)
    return path


def _values(node, attribute: str) -> dict[str, Any]:
    return json.loads(node.GetAttribute(attribute) or "{}")
