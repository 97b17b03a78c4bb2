"""Several examinations of one patient to tune on at once: one after the other in a single stack of slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TuningExamination:
    """What fine-tuning asks of an examination.

    Attributes:
        images: float32 (channels, Z, Y, X), preprocessed.
        organ_mask: bool (Z, Y, X).
        labels: bool (Z, Y, X), lesions; only `slices` of it are looked at.
        slices: the corrected slices.
        base_prediction: bool (Z, Y, X), the base CNN's lesions.
    """

    images: NDArray[np.float32]
    organ_mask: Mask
    labels: Mask
    slices: tuple[int, ...]
    base_prediction: Mask


def stacked(examinations: Sequence[TuningExamination]) -> TuningExamination:
    """All examinations as one, in order, so that the slices of the first keep their numbers.

    An empty slice follows each of them, so that nothing is connected across; smaller ones are filled up with what
    is no organ. Fine-tuning looks at single slices, so it learns the same as from each examination by itself.
    """
    if len(examinations) == 1:
        return examinations[0]
    rows, columns = (max(e.organ_mask.shape[axis] for e in examinations) for axis in (1, 2))
    firsts = np.cumsum([0] + [e.organ_mask.shape[0] + 1 for e in examinations])

    def stack(name: str) -> NDArray[np.generic]:
        return np.concatenate([_filled_up(getattr(e, name), rows, columns) for e in examinations], axis=-3)

    slices = [
        first + z for e, first in zip(examinations, firsts[:-1].tolist(), strict=True) for z in e.slices
    ]
    return TuningExamination(
        np.asarray(stack("images"), dtype=np.float32),
        stack("organ_mask").astype(bool),
        stack("labels").astype(bool),
        tuple(slices),
        stack("base_prediction").astype(bool),
    )


def _filled_up(array: NDArray[np.generic], rows: int, columns: int) -> NDArray[np.generic]:
    """With one more slice, and as many rows and columns as the largest has."""
    height, width = array.shape[-2:]
    leading = [(0, 0)] * (array.ndim - 3)
    return np.pad(array, [*leading, (0, 1), (0, rows - height), (0, columns - width)])
