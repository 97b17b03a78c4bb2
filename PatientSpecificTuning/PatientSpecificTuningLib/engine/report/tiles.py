"""Square pictures of a part of a slice, with outlines of lesions, and PNG of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from tempfile import gettempdir

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..files.atomic import write_errors_told
from .both_examinations import BothExaminations

SIDE, GAP, LINE = 260, 6, 1
Extent = tuple[float, float, float, float]
"""First and last row, first and last column, in voxels."""


def whole_slice(both: BothExaminations, z: int) -> Extent:
    """A square round the organ of a slice, in voxels, whatever their shape."""
    rows, columns = np.nonzero(both.organ[z] if both.organ[z].any() else np.ones_like(both.organ[z]))
    spacing_x, spacing_y = both.grid.spacing[:2]
    height, width = np.ptp(rows) * spacing_y, np.ptp(columns) * spacing_x
    half = max(height, width) / 2 + 6
    y, x = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    return (y - half / spacing_y, y + half / spacing_y, x - half / spacing_x, x + half / spacing_x)


def draw_tile(
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


def as_png(tiles: Sequence[NDArray[np.uint8]]) -> bytes:
    """PNG of tiles side by side.

    Raises:
        InputError: the folder of temporary files is full or cannot be written to.
    """
    gap = np.zeros((SIDE, GAP, 3), dtype=np.uint8)
    picture = np.concatenate([part for tile in tiles for part in (gap, tile)][1:], axis=1)
    place = Path(gettempdir())
    try:
        with write_errors_told(place / "picture.png"), TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), str(path))
            return path.read_bytes()
    except RuntimeError as error:
        message = (
            f"The pictures of the report cannot be written to {place}; free some space there and run again."
        )
        raise InputError(message) from error
