"""The plain overlap rule for change between two labelmaps, to compare with: it knows nothing of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GROWTH_THRESHOLD = 0.3
CHANGES = ("new", "grown", "stable", "shrunk", "vanished", "merged", "split")


@dataclass(frozen=True)
class OverlapRow:
    """One lesion, or one group of lesions that overlap each other across time.

    Attributes:
        change: one of `CHANGES`; "merged" and "split" say that lesions joined or fell apart.
        baseline_labels: labels of the group at baseline, empty when new.
        followup_labels: labels of the group at follow-up, empty when vanished.
        baseline_volume_mm3: their volume at baseline.
        followup_volume_mm3: their volume at follow-up.
    """

    change: str
    baseline_labels: tuple[int, ...]
    followup_labels: tuple[int, ...]
    baseline_volume_mm3: float
    followup_volume_mm3: float


def compare_lesions(
    baseline_labels: NDArray[np.integer],
    followup_labels: NDArray[np.integer],
    voxel_volume_mm3: float,
    *,
    growth_threshold: float = GROWTH_THRESHOLD,
) -> list[OverlapRow]:
    """Match lesions of two time points by overlap and name what happened.

    Lesions that overlap, directly or through others, form a group. A lesion has grown or shrunk when its volume
    changed by more than `growth_threshold` of the baseline volume.

    Args:
        baseline_labels: int (Z, Y, X), one number per lesion, on the grid of the follow-up.
        followup_labels: int (Z, Y, X).

    Returns:
        rows in the order of `CHANGES`, large lesions first.
    """
    before, after = _volumes(baseline_labels, voxel_volume_mm3), _volumes(followup_labels, voxel_volume_mm3)
    rows = [
        _overlap_row(group, before, after, growth_threshold)
        for group in _groups(baseline_labels, followup_labels, set(before), set(after))
    ]
    return sorted(
        rows,
        key=lambda row: (CHANGES.index(row.change), -max(row.baseline_volume_mm3, row.followup_volume_mm3)),
    )


Group = tuple[tuple[int, ...], tuple[int, ...]]


def _groups(
    baseline: NDArray[np.integer], followup: NDArray[np.integer], before: set[int], after: set[int]
) -> list[Group]:
    both = (baseline > 0) & (followup > 0)
    pairs = np.unique(np.stack([baseline[both], followup[both]], axis=1), axis=0).tolist()
    partners: dict[tuple[str, int], set[tuple[str, int]]] = {("b", label): set() for label in before}
    partners |= {("f", label): set() for label in after}
    for b, f in pairs:
        partners["b", b].add(("f", f))
        partners["f", f].add(("b", b))
    groups: list[Group] = []
    while partners:
        waiting, members = [next(iter(partners))], set()
        while waiting:
            member = waiting.pop()
            if member not in members:
                members.add(member)
                waiting.extend(partners.pop(member))
        sides = [tuple(sorted(label for side, label in members if side == wanted)) for wanted in "bf"]
        groups.append((sides[0], sides[1]))
    return groups


def _overlap_row(
    group: Group, before: dict[int, float], after: dict[int, float], growth_threshold: float
) -> OverlapRow:
    earlier, later = group
    old, new = sum(before[label] for label in earlier), sum(after[label] for label in later)
    if not earlier:
        change = "new"
    elif not later:
        change = "vanished"
    elif len(earlier) > len(later):
        change = "merged"
    elif len(later) > len(earlier):
        change = "split"
    elif abs(new - old) <= growth_threshold * old:
        change = "stable"
    else:
        change = "grown" if new > old else "shrunk"
    return OverlapRow(change, earlier, later, old, new)


def _volumes(labels: NDArray[np.integer], voxel_volume_mm3: float) -> dict[int, float]:
    numbers, counts = np.unique(labels[labels > 0], return_counts=True)
    return {int(n): float(c * voxel_volume_mm3) for n, c in zip(numbers, counts, strict=True)}
