"""The judge of change counts what it says: found and false changes by direction and size."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

# Behind Testing, which has a run.py as well.
sys.path.append(str(Path(__file__).parents[1] / "Benchmarks"))

from change_events import Event
from change_events import agreement
from change_events import pieces

SHAPE, VOXEL = (3, 20, 20), 3.0
NOTHING = np.zeros(SHAPE, dtype=bool)


def event(kind: str, rows: slice, columns: slice) -> Event:
    mask = NOTHING.copy()
    mask[1, rows, columns] = True
    (piece,) = pieces(mask, kind, VOXEL)
    return piece


NEW, GONE = event("new", slice(2, 6), slice(2, 6)), event("vanished", slice(10, 14), slice(10, 14))
SPECK = event("new", slice(0, 2), slice(15, 17))


def test_pieces_are_the_connected_parts_with_their_volumes() -> None:
    mask = NOTHING.copy()
    mask[0, 0, 0] = mask[1, 1, 1] = True  # joined at a corner
    mask[2, 10, 5:8] = True
    found = pieces(mask, "new", VOXEL)
    assert sorted(piece.volume_mm3 for piece in found) == [6, 9]
    assert sorted(np.concatenate([piece.voxels for piece in found])) == list(np.flatnonzero(mask))
    assert pieces(NOTHING, "new", VOXEL) == []


def test_a_change_is_found_by_one_of_its_direction_only() -> None:
    counts = agreement([NEW, GONE], [event("grown", slice(5, 9), slice(5, 9))], NOTHING)
    assert (counts["new"], counts["new_found"], counts["vanished"], counts["vanished_found"]) == (1, 1, 1, 0)
    assert (counts["said"], counts["false"]) == (1, 0)
    assert agreement([GONE], [event("new", slice(10, 14), slice(10, 14))], NOTHING)["false"] == 1


def test_small_changes_count_neither_as_missed_nor_as_false_but_excuse_what_is_said() -> None:
    counts = agreement([SPECK], [SPECK, event("new", slice(0, 5), slice(15, 19))], NOTHING)
    assert (counts["new"], counts["said"], counts["false"]) == (0, 1, 0)


@pytest.mark.parametrize("kind", ["new", "shrunk"])
def test_what_touches_unclear_tissue_is_not_false(kind: str) -> None:
    said = event(kind, slice(2, 6), slice(10, 15))
    unclear = NOTHING.copy()
    unclear[1, 2, 10] = True
    assert agreement([], [said], NOTHING)["false"] == 1
    assert agreement([], [said], unclear)["false"] == 0
