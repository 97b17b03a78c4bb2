"""Which baseline slices to correct: those whose mean lesion softmax is nearest to 0.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

TARGET = 0.5


@dataclass(frozen=True)
class SliceProposal:
    """One proposed slice.

    Attributes:
        rank: 1 for the slice from which most can be learned.
        slice: index along the slice axis of the working grid.
        mean_softmax: mean lesion softmax of the base CNN inside the organ mask.
        lesion_area_voxels: lesion voxels on the slice by the labels given, or by softmax from 0.5 without labels.
    """

    rank: int
    slice: int
    mean_softmax: float
    lesion_area_voxels: int


def mean_softmax_per_slice(
    probability: NDArray[np.floating], organ_mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean lesion softmax inside the organ of every slice, (Z,), nan where the slice has no organ."""
    counts = np.count_nonzero(organ_mask, axis=(1, 2))
    sums = np.where(organ_mask, probability, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def propose_slices(
    probability: NDArray[np.floating],
    organ_mask: NDArray[np.bool_],
    *,
    count: int | None = 2,
    among: str = "organ",
    lesion_labels: NDArray[np.bool_] | None = None,
) -> list[SliceProposal]:
    """Slices in the order of how near their mean softmax is to 0.5 (paper, "Number of slices").

    The mean is taken inside the organ mask, since air would otherwise decide. Ties go to the lower slice.

    Args:
        probability: float (Z, Y, X), lesion softmax of the base CNN on the baseline.
        organ_mask: bool (Z, Y, X).
        count: how many slices, None for all.
        among: "organ" for all slices of the organ, "lesion" for slices with a lesion.
        lesion_labels: bool (Z, Y, X); without it "lesion" means softmax from 0.5.

    Raises:
        InputError: no slice to choose from, or an option that is not known.
    """
    if among not in ("organ", "lesion") or (count is not None and count < 1):
        message = (
            f"Cannot propose {count} slices among {among!r}; use 1 or more slices among 'organ' or 'lesion'."
        )
        raise InputError(message)
    lesions = organ_mask & (probability >= TARGET if lesion_labels is None else lesion_labels)
    areas = np.count_nonzero(lesions, axis=(1, 2))
    means = mean_softmax_per_slice(probability, organ_mask)
    eligible = np.flatnonzero(~np.isnan(means) & ((areas > 0) | (among == "organ")))
    if eligible.size == 0:
        what = "lesion" if among == "lesion" else "organ"
        message = (
            f"No slice of the baseline shows any {what}; check the {what} labels or propose among all slices."
        )
        raise InputError(message)
    order = eligible[np.argsort(np.abs(means[eligible] - TARGET), kind="stable")][:count]
    return [
        SliceProposal(rank, int(z), float(means[z]), int(areas[z])) for rank, z in enumerate(order, start=1)
    ]
