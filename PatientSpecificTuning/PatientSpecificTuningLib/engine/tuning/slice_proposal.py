"""Which baseline slices to correct next: by the paper's score, or by what their correction is expected to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

TARGET = 0.5
PAPER, GAIN = CRITERIA = ("paper", "gain")
DISTANCE_MM = 10.0
# Of the organ's area on the slice where it is largest; less is the top of the head or the skull base.
SMALLEST_ORGAN_SHARE = 0.25


@dataclass(frozen=True)
class SliceProposal:
    """One proposed slice.

    Attributes:
        rank: 1 for the slice from which most can be learned.
        slice: index along the slice axis of the working grid.
        mean_softmax: mean lesion softmax of the CNN inside the organ mask.
        lesion_area_voxels: lesion voxels on the slice by the labels given, or by softmax from 0.5 without labels.
        doubt_voxels: how many voxels of the slice the CNN itself expects to have wrong: the sum of the probability of
            the class that it did not choose.
        nearest_mm: distance to the nearest slice that is corrected already or proposed before, None where there is none.
    """

    rank: int
    slice: int
    mean_softmax: float
    lesion_area_voxels: int
    doubt_voxels: float = 0.0
    nearest_mm: float | None = None


def in_words(proposal: SliceProposal) -> str:
    """Why a slice is proposed."""
    text = f"the CNN is in doubt about some {proposal.doubt_voxels:.0f} voxels"
    text += f" and finds {proposal.lesion_area_voxels} of lesion"
    if proposal.nearest_mm is not None:
        text += f", {proposal.nearest_mm:.0f} mm from the nearest slice corrected or proposed before"
    return text


def mean_softmax_per_slice(
    probability: NDArray[np.floating], organ_mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean lesion softmax inside the organ of every slice, (Z,), nan where the slice has no organ."""
    counts = np.count_nonzero(organ_mask, axis=(1, 2))
    sums = np.where(organ_mask, probability, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def doubt_per_slice(probability: NDArray[np.floating], organ_mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many voxels of every slice the CNN itself expects to have wrong, (Z,)."""
    wrong = np.minimum(probability, 1 - probability)
    return np.where(organ_mask, wrong, 0).sum(axis=(1, 2), dtype=np.float64)


def propose_slices(
    probability: NDArray[np.floating],
    organ_mask: NDArray[np.bool_],
    *,
    count: int | None = 2,
    among: str = "organ",
    lesion_labels: NDArray[np.bool_] | None = None,
    criterion: str = PAPER,
    corrected: Sequence[int] = (),
    slice_mm: float = 1.0,
    distance_mm: float | None = None,
) -> list[SliceProposal]:
    """Slices to correct next, best first.

    "paper" takes them in the order of how near their mean softmax is to 0.5 (paper, "Number of slices"). The mean is
    taken inside the organ mask, since air would otherwise decide.

    "gain" takes the slices on which the CNN expects to have most voxels wrong.

    With a distance, each slice lies far enough from those before and from the corrected ones, since neighbours say the
    same; slices that lie too near or show little organ come last.

    Ties go to the lower slice.

    Args:
        probability: float (Z, Y, X), lesion softmax on the baseline, of the base CNN or of one that has learned.
        organ_mask: bool (Z, Y, X).
        count: how many slices, None for all.
        among: "organ" for all slices of the organ, "lesion" for slices with a lesion.
        lesion_labels: bool (Z, Y, X); without it "lesion" means softmax from 0.5.
        corrected: slices that are corrected already; they are not proposed.
        slice_mm: distance between the centres of two slices.
        distance_mm: how far from each other slices lie where there are enough; None is 10 mm for "gain", and for
            "paper" no condition at all, as published.

    Raises:
        InputError: no slice to choose from, or an option that is not known.
    """
    if distance_mm is None:
        distance_mm = DISTANCE_MM if criterion == GAIN else 0.0
    _check(count, among, criterion, distance_mm)
    lesions = organ_mask & (probability >= TARGET if lesion_labels is None else lesion_labels)
    areas = np.count_nonzero(lesions, axis=(1, 2))
    means = mean_softmax_per_slice(probability, organ_mask)
    doubts = doubt_per_slice(probability, organ_mask)
    taken = [int(position) for position in corrected]
    eligible = np.flatnonzero(~np.isnan(means) & ((areas > 0) | (among == "organ")))
    eligible = eligible[~np.isin(eligible, taken)]
    if eligible.size == 0:
        what = "lesion" if among == "lesion" else "organ"
        message = (
            f"No slice of the baseline shows any {what}; check the {what} labels or propose among all slices."
        )
        raise InputError(message)
    misses = np.abs(means - TARGET) if criterion == PAPER else -doubts
    best_first = eligible[np.argsort(misses[eligible], kind="stable")].tolist()
    if criterion == GAIN or distance_mm > 0:
        best_first = _spread(best_first, _shows_enough(organ_mask), taken, distance_mm / slice_mm)
    proposals = []
    for rank, z in enumerate(best_first[:count], start=1):
        nearest = min((abs(z - other) * slice_mm for other in taken), default=None)
        proposals.append(SliceProposal(rank, z, float(means[z]), int(areas[z]), float(doubts[z]), nearest))
        taken.append(z)
    return proposals


def _check(count: int | None, among: str, criterion: str, distance_mm: float) -> None:
    if among not in ("organ", "lesion") or (count is not None and count < 1):
        message = (
            f"Cannot propose {count} slices among {among!r}; use 1 or more slices among 'organ' or 'lesion'."
        )
        raise InputError(message)
    if criterion not in CRITERIA or not 0 <= distance_mm < float("inf"):
        message = (
            f"Cannot propose slices by {criterion!r} at least {distance_mm} mm apart; use one of"
            f" {', '.join(CRITERIA)} and a distance of 0 mm or more."
        )
        raise InputError(message)


def _shows_enough(organ_mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    areas = np.count_nonzero(organ_mask, axis=(1, 2))
    return areas >= SMALLEST_ORGAN_SHARE * areas.max()


def _spread(
    best_first: Sequence[int], enough: NDArray[np.bool_], taken: Sequence[int], distance: float
) -> list[int]:
    """The same slices, each the best that lies far enough from those before, and at the end the others."""
    before, chosen, others = list(taken), [], []
    for z in sorted(best_first, key=lambda z: not enough[z]):
        if enough[z] and all(abs(z - other) >= distance for other in before):
            before.append(z)
            chosen.append(z)
        else:
            others.append(z)
    return chosen + others
