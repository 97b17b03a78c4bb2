"""Which lesion of the follow-up is which lesion of the baseline: one to one, merged, split, or without partner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .lesions import box_of
from .lesions import numbers_in

# Two lesions are linked when they share this part of the smaller one within the error of the border ...
LEAST_NEAR = 0.25
# ... or this part of it voxel by voxel.
LEAST_SHARED = 0.05

Labels = NDArray[np.integer]
Pair = tuple[int, int]


@dataclass(frozen=True)
class LesionMatch:
    """One lesion of the follow-up and those of the baseline that it continues, or a baseline lesion without successor.

    Attributes:
        baseline: numbers of the baseline lesions, empty where there is none.
        followup: number of the follow-up lesion, None where there is none.
        shares: for each of `baseline` the part of it, 0 to 1, that lies nearest to this follow-up lesion.
        kind: "none", "one", "merged", "split" or "regrouped", which is both.
    """

    baseline: tuple[int, ...]
    followup: int | None
    shares: tuple[float, ...]
    kind: str


@dataclass(frozen=True)
class Matching:
    """Lesions across time.

    Attributes:
        matches: every follow-up lesion once, then every baseline lesion without successor.
        successor: int (Z, Y, X), for every voxel of a baseline lesion the follow-up lesion that continues it, the
            nearest one where there are several; 0 where there is none.
    """

    matches: list[LesionMatch]
    successor: NDArray[np.int32]


def match_across_time(
    baseline: Labels,
    followup: Labels,
    reach: NDArray[np.bool_],
    spacing: tuple[float, float, float],
) -> Matching:
    """Find which lesion is which.

    Args:
        baseline: int (Z, Y, X), lesions of the baseline from 1, on the grid of the follow-up.
        followup: int (Z, Y, X), lesions of the follow-up from 1.
        reach: bool, odd in every size; how far a border may be displaced by registration and partial volume.
        spacing: voxel size in mm, (x, y, z).
    """
    links = _links(baseline, followup, reach)
    successors: dict[int, list[int]] = {}
    for earlier, later in sorted(links):
        successors.setdefault(earlier, []).append(later)
    nearest = _successor_of_voxels(baseline, followup, successors, spacing)
    matches = [
        _match(later, sorted(e for e, f in links if f == later), successors, baseline, nearest)
        for later in numbers_in(followup)
    ]
    gone = [number for number in numbers_in(baseline) if number not in successors]
    return Matching(matches + [LesionMatch((number,), None, (1.0,), "none") for number in gone], nearest)


def _match(
    later: int, earlier: list[int], successors: dict[int, list[int]], baseline: Labels, nearest: Labels
) -> LesionMatch:
    split = any(len(successors[number]) > 1 for number in earlier)
    shares = tuple(
        float(np.mean(nearest[baseline == number] == later)) if len(successors[number]) > 1 else 1.0
        for number in earlier
    )
    return LesionMatch(tuple(earlier), later, shares, _kind(len(earlier), split=split))


def _kind(earlier: int, *, split: bool) -> str:
    if earlier == 0:
        return "none"
    if earlier > 1:
        return "regrouped" if split else "merged"
    return "split" if split else "one"


def _links(baseline: Labels, followup: Labels, reach: NDArray[np.bool_]) -> set[Pair]:
    """Pairs of a baseline and a follow-up lesion that share enough."""
    if (box := box_of((baseline > 0) | (followup > 0))) is None:
        return set()
    baseline, followup = baseline[box], followup[box]
    sizes = np.bincount(np.ravel(baseline)), np.bincount(np.ravel(followup))
    # A lesion of few voxels that was displaced by one still finds its partner, seen from either side.
    seen_from = (
        (baseline, followup, LEAST_SHARED),
        (_widened(baseline, reach), followup, LEAST_NEAR),
        (baseline, _widened(followup, reach), LEAST_NEAR),
    )
    links: set[Pair] = set()
    for earlier, later, least in seen_from:
        both = (earlier > 0) & (later > 0)
        pairs, counts = np.unique(np.stack([earlier[both], later[both]]), axis=1, return_counts=True)
        for (first, second), shared in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            if shared >= least * min(sizes[0][first], sizes[1][second]):
                links.add((first, second))
    return links


def _widened(labels: Labels, reach: NDArray[np.bool_]) -> Labels:
    """Lesions with the voxels that lie within reach; between two lesions the smaller number wins."""
    nothing = np.iinfo(np.int32).min
    spread = np.where(labels > 0, -labels.astype(np.int32), nothing)
    spread = ndimage.maximum_filter(spread, footprint=reach, mode="nearest")
    return np.where(labels > 0, labels, np.where(spread > nothing, -spread, 0))


def _successor_of_voxels(
    baseline: Labels,
    followup: Labels,
    successors: dict[int, list[int]],
    spacing: tuple[float, float, float],
) -> NDArray[np.int32]:
    nearest = np.zeros(baseline.shape, dtype=np.int32)
    trees: dict[int, cKDTree] = {}
    scale = np.asarray(spacing[::-1])
    for earlier, box in enumerate(ndimage.find_objects(baseline), start=1):
        later = successors.get(earlier, [])
        if not later or box is None:
            continue
        inside = baseline[box] == earlier
        if len(later) == 1:
            nearest[box][inside] = later[0]
            continue
        for number in later:
            if number not in trees:
                trees[number] = cKDTree(np.argwhere(followup == number) * scale)
        points = (np.argwhere(inside) + [part.start for part in box]) * scale
        distances = [trees[number].query(points)[0] for number in later]
        nearest[box][inside] = np.asarray(later)[np.argmin(distances, axis=0)]
    return nearest
