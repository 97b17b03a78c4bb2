"""Pictures of a change: where it lies in the slice, and the place in both examinations side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..case.case import Case
from ..images.geometry import Grid
from ..images.geometry import resample
from ..images.volumes import read_stored
from ..lesions.alignment import alignment_of
from ..lesions.results import LESION_LABELS
from ..lesions.results import Result
from ..model.card import read_model_card
from ..network.model_choice import model_of_case
from ..network.prepared import open_examination

WINDOW_MM = 56.0
SIDE, GAP, LINE = 260, 6, 1
BEFORE, AFTER, BOX = (255, 159, 10), (50, 208, 230), (255, 255, 255)
Extent = tuple[float, float, float, float]
"""First and last row, first and last column, in voxels."""


@dataclass(frozen=True)
class BothExaminations:
    """Both examinations on the follow-up's working grid, arrays (Z, Y, X).

    Attributes:
        baseline: image of the first sequence, brought onto the follow-up.
        followup: the same of the follow-up.
        baseline_labels: numbers of the baseline's lesions.
        followup_labels: numbers of the follow-up's lesions.
        map: where tissue is new or lost, as in the result.
        organ: bool.
        grid: the working grid.
    """

    baseline: NDArray[np.float32]
    followup: NDArray[np.float32]
    baseline_labels: NDArray[np.integer]
    followup_labels: NDArray[np.integer]
    map: NDArray[np.integer]
    organ: NDArray[np.bool_]
    grid: Grid


def both_examinations(case: Case, result: Result) -> BothExaminations:
    """Read what the pictures of a result show.

    Raises:
        InputError: files of the case are missing or damaged.
    """
    followup, baseline = open_examination(case, "followup"), open_examination(case, "baseline")
    grid, key = followup.record.working_grid, read_model_card(model_of_case(case)).pathways[0].key_index
    moving = baseline.record.working_grid.image(np.asarray(baseline.images[key]))
    brought = resample(moving, grid, transform=alignment_of(case).transform)
    labels = [
        sitk.GetArrayFromImage(resample(read_stored(path), grid, interpolation="nearest"))
        for path in (result.baseline_labels, result.folder / LESION_LABELS, result.change_map)
    ]
    return BothExaminations(
        baseline=sitk.GetArrayFromImage(brought),
        followup=np.asarray(followup.images[key]),
        baseline_labels=labels[0],
        followup_labels=labels[1],
        map=labels[2],
        organ=followup.organ_mask,
        grid=grid,
    )


def draw_change(both: BothExaminations, row: Mapping[str, Any]) -> tuple[bytes, int]:
    """PNG of one row of the table of change, and its slice: the whole slice, then that place in both examinations.

    Slices are shown as radiologists look at them, the patient's right on the left.
    """
    z, y, x = _place(both, row)
    spacing_x, spacing_y = both.grid.spacing[:2]
    half_y, half_x = WINDOW_MM / 2 / spacing_y, WINDOW_MM / 2 / spacing_x
    near = (y - half_y, y + half_y, x - half_x, x + half_x)
    whole = _whole(both, z)
    tiles = [
        _tile(both.followup, None, both.organ, z, whole),
        _tile(both.baseline, (both.baseline_labels, BEFORE), both.organ, z, near),
        _tile(both.followup, (both.followup_labels, AFTER), both.organ, z, near),
    ]
    _draw_box(tiles[0], near, whole)
    gap = np.zeros((SIDE, GAP, 3), dtype=np.uint8)
    return _png(np.concatenate([tiles[0], gap, tiles[1], gap, tiles[2]], axis=1)), z


def _whole(both: BothExaminations, z: int) -> Extent:
    """A square round the organ of a slice, in voxels, whatever their shape."""
    rows, columns = np.nonzero(both.organ[z] if both.organ[z].any() else np.ones_like(both.organ[z]))
    spacing_x, spacing_y = both.grid.spacing[:2]
    height, width = np.ptp(rows) * spacing_y, np.ptp(columns) * spacing_x
    half = max(height, width) / 2 + 6
    y, x = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    return (y - half / spacing_y, y + half / spacing_y, x - half / spacing_x, x + half / spacing_x)


def _tile(
    image: NDArray[np.float32],
    outlined: tuple[NDArray[np.integer], tuple[int, int, int]] | None,
    organ: NDArray[np.bool_],
    z: int,
    extent: Extent,
) -> NDArray[np.uint8]:
    """A square of a slice as RGB, uint8 (SIDE, SIDE, 3), with the outline of lesions."""
    points = np.meshgrid(
        np.linspace(extent[0], extent[1], SIDE), np.linspace(extent[2], extent[3], SIDE), indexing="ij"
    )
    low, high = np.percentile(image[organ], (0.5, 99.7)) if organ.any() else (0.0, 1.0)
    inside_organ = np.where(organ[z], image[z], low)
    shown = ndimage.map_coordinates(inside_organ, points, order=1, mode="constant", cval=float(low))
    grey = np.clip((shown - low) / max(high - low, 1e-6), 0, 1) * 255
    tile = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if outlined is not None:
        labels, colour = outlined
        inside = (
            ndimage.map_coordinates((labels[z] > 0).astype(np.uint8), points, order=0, mode="constant") > 0
        )
        tile[inside & ~ndimage.binary_erosion(inside, iterations=LINE)] = colour
    return tile


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


def _png(picture: NDArray[np.uint8]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), str(path))
        return path.read_bytes()


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
