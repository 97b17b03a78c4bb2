"""What really changed, what a result says has changed, and how far the two agree, change by change."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.lesions.change import SURE_NEW
from PatientSpecificTuningLib.engine.lesions.comparison import BASELINE_LABELS
from PatientSpecificTuningLib.engine.lesions.comparison import CHANGE_MAP
from PatientSpecificTuningLib.engine.lesions.comparison import CHANGE_TABLE
from PatientSpecificTuningLib.engine.lesions.overlap_rule import GROWTH_THRESHOLD
from PatientSpecificTuningLib.engine.lesions.overlap_rule import OverlapRow
from PatientSpecificTuningLib.engine.lesions.overlap_rule import compare_lesions
from PatientSpecificTuningLib.engine.lesions.results import LESION_LABELS
from PatientSpecificTuningLib.engine.lesions.results import Result
from scipy import ndimage

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]
Voxels = NDArray[np.intp]
# Of the larger of the two volumes of a lesion: below it nothing is judged.
LEAST_MM3 = 30.0
GAINS, LOSSES = ("new", "grown"), ("vanished", "shrunk")


@dataclass(frozen=True)
class Event:
    """Tissue that was gained or lost.

    Attributes:
        kind: "new", "grown", "vanished" or "shrunk".
        voxels: of the lesion in both examinations, as indices into the flattened grid of the follow-up.
        volume_mm3: of the lesion where it is larger.
        difference_mm3: between both examinations, without sign.
    """

    kind: str
    voxels: Voxels
    volume_mm3: float
    difference_mm3: float

    @property
    def gained(self) -> bool:
        """Whether there is more at follow-up."""
        return self.kind in GAINS


@dataclass(frozen=True)
class Found:
    """The lesions of both examinations on the follow-up's grid and what two rules say has changed.

    Attributes:
        before: int32 (Z, Y, X), lesions of the baseline.
        after: int32 (Z, Y, X), lesions of the follow-up.
        sure: sure changes of the result.
        plain: changes by the plain overlap rule.
    """

    before: Labels
    after: Labels
    sure: list[Event]
    plain: list[Event]


def found_in(result: Result) -> Found:
    """What a result with a comparison holds."""
    images = {
        name: sitk.ReadImage(str(result.folder / name))
        for name in (LESION_LABELS, BASELINE_LABELS, CHANGE_MAP)
    }
    after, before, map_ = (sitk.GetArrayFromImage(image) for image in images.values())
    voxel = float(np.prod(images[CHANGE_MAP].GetSpacing()))
    return Found(before, after, list(_sure(result, before, after, map_)), list(_plain(before, after, voxel)))


def _sure(result: Result, before: Labels, after: Labels, map_: NDArray[np.uint8]) -> Iterator[Event]:
    with open(result.folder / CHANGE_TABLE, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["sure"] == "1"]
    for row in rows:
        old, new = _numbers(row["baseline_labels"]), _numbers(row["followup_labels"])
        region = np.isin(before, old) | np.isin(after, new)
        if float(row["new_part_mm3"]) > 0:
            region &= map_ == SURE_NEW
        volumes = float(row["baseline_volume_mm3"]), float(row["followup_volume_mm3"])
        yield Event(row["change"], np.flatnonzero(region), max(volumes), abs(volumes[1] - volumes[0]))


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split()]


def _plain(before: Labels, after: Labels, voxel_mm3: float) -> Iterator[Event]:
    for row in compare_lesions(before, after, voxel_mm3):
        kind = _kind(row)
        if kind is not None:
            region = np.isin(before, row.baseline_labels) | np.isin(after, row.followup_labels)
            volumes = row.baseline_volume_mm3, row.followup_volume_mm3
            yield Event(kind, np.flatnonzero(region), max(volumes), abs(volumes[1] - volumes[0]))


def _kind(row: OverlapRow) -> str | None:
    """The change of a row; lesions that merged or fell apart count by their volume, as the others do."""
    if row.change in ("new", "vanished"):
        return row.change
    difference = row.followup_volume_mm3 - row.baseline_volume_mm3
    if abs(difference) <= GROWTH_THRESHOLD * row.baseline_volume_mm3:
        return None
    return "grown" if difference > 0 else "shrunk"


def pieces(mask: Mask, kind: str, voxel_mm3: float) -> list[Event]:
    """The 26-connected pieces of a mask of change as events of one kind."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    inside = np.flatnonzero(labels)
    order = inside[np.argsort(labels.flat[inside], kind="stable")]
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    parts = np.split(order, np.cumsum(sizes)[:-1]) if count else []
    return [Event(kind, voxels, voxels.size * voxel_mm3, voxels.size * voxel_mm3) for voxels in parts]


def agreement(truth: Iterable[Event], said: Iterable[Event], unclear: Mask) -> dict[str, int]:
    """How many true changes are said, and how many are said that are none; only from `LEAST_MM3` on.

    A change is found where one of the same direction shares a voxel with it. What is said is false where it shares none
    with a true change of that direction, however small, nor with what is unclear.

    Args:
        unclear: bool (Z, Y, X), change of which the direction is not known.
    """
    truth, said = list(truth), list(said)
    nothing = np.zeros_like(unclear)
    real = {gained: _marked([e for e in truth if e.gained == gained], unclear) for gained in (True, False)}
    spoken = {gained: _marked([e for e in said if e.gained == gained], nothing) for gained in (True, False)}
    large = [event for event in truth if event.difference_mm3 >= LEAST_MM3]
    counts: dict[str, int] = {}
    for kind in (*GAINS, *LOSSES):
        of_kind = [event for event in large if event.kind == kind]
        counts[kind] = len(of_kind)
        counts[f"{kind}_found"] = sum(bool(spoken[e.gained].flat[e.voxels].any()) for e in of_kind)
    judged = [event for event in said if event.volume_mm3 >= LEAST_MM3]
    counts["said"] = len(judged)
    counts["false"] = sum(not real[event.gained].flat[event.voxels].any() for event in judged)
    return counts


def _marked(events: list[Event], start: Mask) -> Mask:
    mask = start.copy()
    for event in events:
        mask.flat[event.voxels] = True
    return mask
