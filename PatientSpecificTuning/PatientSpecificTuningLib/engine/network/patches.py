"""Where patches are taken from a slice, and how a rotated patch is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

PATCH_SIZE = 128


@dataclass(frozen=True)
class Window:
    """A square of `size` pixels in a slice, by its first row and column (which may lie outside the slice)."""

    row: int
    column: int
    size: int = PATCH_SIZE

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the middle of the window, in pixels."""
        half = (self.size - 1) / 2
        return self.row + half, self.column + half


def organ_box(organ_slice: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """First and one-past-last row and column of the organ in a (rows, columns) mask.

    Raises:
        ValueError: the slice has no organ.
    """
    rows = np.flatnonzero(organ_slice.any(axis=1))
    columns = np.flatnonzero(organ_slice.any(axis=0))
    if rows.size == 0:
        message = "The slice has no organ, so no patch can be taken from it."
        raise ValueError(message)
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def grid_windows(
    organ_slice: NDArray[np.bool_], *, per_side: int = 5, size: int = PATCH_SIZE
) -> list[Window]:
    """`per_side` squared overlapping windows over the organ, as base training takes 25 from each slice.

    Where the organ is narrower than a window, the windows are centred on it along that axis.
    """
    first_row, last_row, first_column, last_column = organ_box(organ_slice)
    return [
        Window(row, column, size)
        for row in _starts(first_row, last_row, per_side, size)
        for column in _starts(first_column, last_column, per_side, size)
    ]


def corner_and_centre_windows(organ_slice: NDArray[np.bool_], *, size: int = PATCH_SIZE) -> list[Window]:
    """Four windows at the corners of the organ region and one at its centre (paper, "Patient-specific fine-tuning")."""
    first_row, last_row, first_column, last_column = organ_box(organ_slice)
    rows = _starts(first_row, last_row, 2, size)
    columns = _starts(first_column, last_column, 2, size)
    centre = Window((first_row + last_row - size) // 2, (first_column + last_column - size) // 2, size)
    return [Window(row, column, size) for row in rows for column in columns] + [centre]


def _starts(first: int, last: int, count: int, size: int) -> list[int]:
    slack = last - first - size
    if slack <= 0:
        return [first + slack // 2] * count
    return [first + round(slack * i / (count - 1)) for i in range(count)]


def cut_patch(
    image: NDArray[np.generic], window: Window, *, degrees: float = 0.0, scale: float = 1.0, order: int = 1
) -> NDArray[np.float32]:
    """Cut a window from a slice, rotated about the window's centre.

    The samples come from the slice itself and not from an unrotated patch, so the patch has no empty corners
    except where the window leaves the slice; there it is 0.

    Args:
        image: (..., rows, columns), leading axes are channels.
        window: where to cut.
        degrees: rotation angle.
        scale: magnification of the content.
        order: 1 linear for images, 0 nearest for labels and masks.

    Returns:
        float32 (..., size, size).
    """
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    half = (window.size - 1) / 2
    offset = np.asarray(window.centre) - matrix @ [half, half]
    planes = image.reshape(-1, *image.shape[-2:]).astype(np.float32, copy=False)
    cut = [
        ndimage.affine_transform(
            plane,
            matrix,
            offset=offset,
            output_shape=(window.size, window.size),
            order=order,
            prefilter=False,
        )
        for plane in planes
    ]
    return np.stack(cut).reshape(*image.shape[:-2], window.size, window.size)
