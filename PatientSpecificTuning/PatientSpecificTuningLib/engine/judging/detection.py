"""Lesions as objects: which known lesion was found or missed, and which object found is false."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from ..lesions.lesions import LesionRow
from ..lesions.lesions import label_lesions
from ..lesions.lesions import lesion_table

FOUND, MISSED, FALSE = 1, 2, 3


@dataclass(frozen=True)
class Match:
    """Known lesions and predicted objects, both 26-connected; any overlap is a hit.

    Attributes:
        lesions: int32 (Z, Y, X), numbers of the known lesions from 1, largest first.
        objects: int32 (Z, Y, X), numbers of the predicted objects, as in the lesion table of a result.
        found: bool, for each known lesion whether an object overlaps it.
        hits: bool, for each object whether it overlaps a known lesion.
    """

    lesions: NDArray[np.int32]
    objects: NDArray[np.int32]
    found: NDArray[np.bool_]
    hits: NDArray[np.bool_]

    @property
    def lesion_voxels(self) -> NDArray[np.int64]:
        """Voxels of each known lesion."""
        return np.bincount(self.lesions.ravel(), minlength=self.found.size + 1)[1:]

    def outcome(self) -> NDArray[np.uint8]:
        """The judgement as labels, uint8 (Z, Y, X): 1 found, 2 missed, 3 false.

        Found are the known lesions that were found, together with the objects that found them.
        """
        lesion = np.concatenate([[0], np.where(self.found, FOUND, MISSED)]).astype(np.uint8)
        found_by = np.concatenate([[0], np.where(self.hits, FOUND, FALSE)]).astype(np.uint8)
        return np.where(self.lesions > 0, lesion[self.lesions], found_by[self.objects])


def match_lesions(reference: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> Match:
    """Compare known lesions with predicted ones, bool (Z, Y, X) each (paper, "Liver metastases detection")."""
    lesions, objects = label_lesions(reference), label_lesions(prediction)
    both = (lesions > 0) & (objects > 0)
    found = np.isin(np.arange(1, lesions.max(initial=0) + 1), lesions[both])
    hits = np.isin(np.arange(1, objects.max(initial=0) + 1), objects[both])
    return Match(lesions, objects, found, hits)


@dataclass(frozen=True)
class DetectionRow:
    """One known lesion or one false object, with its measures as in the lesion table.

    Attributes:
        outcome: "found", "missed" or "false".
        lesion: number of the known lesion, largest first; None for a false object.
        object: number of the object in the lesion table, the one with the largest overlap; None for a missed lesion.
    """

    outcome: str
    lesion: int | None
    object: int | None
    volume_mm3: float
    x_mm: float
    y_mm: float
    z_mm: float
    slice: int
    mean_probability: float
    mean_sd: float
    max_sd: float


_MEASURES = {field.name for field in fields(DetectionRow)} - {"outcome", "lesion", "object"}


def detection_table(
    match: Match,
    voxel_volume_mm3: float,
    index_to_world: Callable[[Sequence[float]], Sequence[float]],
    probability: NDArray[np.floating],
    sd: NDArray[np.floating],
) -> list[DetectionRow]:
    """Every known lesion, largest first, then every false object; arguments as `lesion_table`.

    Probability and deviation of a known lesion are taken over its own voxels, also where it was missed.
    """
    measures = (voxel_volume_mm3, index_to_world, probability, sd)
    rows = []
    for row in lesion_table(match.lesions, *measures):
        number = _largest_overlap(match, row.label)
        rows.append(_row("missed" if number is None else "found", row.label, number, row))
    false = [row for row in lesion_table(match.objects, *measures) if not match.hits[row.label - 1]]
    return rows + [_row("false", None, row.label, row) for row in false]


def _largest_overlap(match: Match, lesion: int) -> int | None:
    objects = match.objects[match.lesions == lesion]
    counts = np.bincount(objects[objects > 0])
    return int(counts.argmax()) if counts.size else None


def _row(outcome: str, lesion: int | None, number: int | None, measures: LesionRow) -> DetectionRow:
    values = {name: value for name, value in vars(measures).items() if name in _MEASURES}
    return DetectionRow(outcome=outcome, lesion=lesion, object=number, **values)
