"""Pictures of a change: where it lies in the slice, and the place in both examinations side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.geometry import Grid
from .both_examinations import BothExaminations
from .tiles import Extent
from .tiles import as_png
from .tiles import draw_tile
from .tiles import whole_slice

WINDOW_MM = 56.0
BEFORE, AFTER, BOX = (255, 159, 10), (50, 208, 230), (255, 255, 255)


def draw_change(both: BothExaminations, row: Mapping[str, Any]) -> tuple[bytes, int]:
    """PNG of one row of the table of change, and its slice: the whole slice, then that place in both examinations.

    Slices are shown as radiologists look at them, the patient's right on the left.
    """
    z, y, x = _place(both, row)
    spacing_x, spacing_y = both.grid.spacing[:2]
    half_y, half_x = WINDOW_MM / 2 / spacing_y, WINDOW_MM / 2 / spacing_x
    near = (y - half_y, y + half_y, x - half_x, x + half_x)
    whole = whole_slice(both, z)
    tiles = [
        draw_tile(both.followup, None, both.organ, z, whole),
        draw_tile(both.baseline, (both.baseline_labels, BEFORE), both.organ, z, near),
        draw_tile(both.followup, (both.followup_labels, AFTER), both.organ, z, near),
    ]
    _draw_box(tiles[0], near, whole)
    return as_png(tiles), z


def _draw_box(tile: NDArray[np.uint8], box: Extent, extent: Extent) -> None:
    side = tile.shape[0] - 1
    top, bottom = ((value - extent[0]) / (extent[1] - extent[0]) * side for value in box[:2])
    left, right = ((value - extent[2]) / (extent[3] - extent[2]) * side for value in box[2:])
    rows = slice(max(0, round(top)), min(side, round(bottom)) + 1)
    columns = slice(max(0, round(left)), min(side, round(right)) + 1)
    for row in (rows.start, rows.stop - 1):
        tile[row, columns] = BOX
    for column in (columns.start, columns.stop - 1):
        tile[rows, column] = BOX


def _place(both: BothExaminations, row: Mapping[str, Any]) -> tuple[int, int, int]:
    """The slice that shows most of the change, and its middle there."""
    numbers = [[int(n) for n in str(row[f"{name}_labels"]).split()] for name in ("baseline", "followup")]
    earlier, later = np.isin(both.baseline_labels, numbers[0]), np.isin(both.followup_labels, numbers[1])
    changed = (earlier | later) & (both.map > 0)
    shown = changed if changed.any() else earlier | later
    if not shown.any():
        return _voxel(both.grid, row)
    z = int(shown.sum(axis=(1, 2)).argmax())
    y, x = np.argwhere(shown[z]).mean(axis=0)
    return z, round(float(y)), round(float(x))


def _voxel(grid: Grid, row: Mapping[str, Any]) -> tuple[int, int, int]:
    point = [float(row[f"followup_{axis}_mm"]) for axis in "xyz"]
    image = grid.image(np.zeros(grid.shape, dtype=np.uint8))
    x, y, z = image.TransformPhysicalPointToIndex(point)
    return min(max(z, 0), grid.shape[0] - 1), y, x
