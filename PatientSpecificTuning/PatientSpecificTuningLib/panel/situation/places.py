"""Places in the patient: slices of the working grid, planes of views, and what corresponds; pure Python, RAS mm."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from ...engine.images.geometry import Grid
from .state import Place

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Slicer's axial view looks from the feet: its x goes to the left, its y to the front.
_AXIAL = (np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0]))


def sliceCentre(grid: Grid, position: int) -> Place:
    """The centre of a slice of the working grid."""
    x, y, _z = grid.size
    index = np.array([(x - 1) / 2, (y - 1) / 2, position])
    left, posterior, superior = np.asarray(grid.origin) + grid.axes @ (index * grid.spacing)
    return float(-left), float(-posterior), float(superior)


def sliceAt(grid: Grid, place: Place) -> int | None:
    """The slice of the working grid that is nearest to a place; None outside the grid."""
    position = round(float(_index(grid, place)[2]))
    return position if 0 <= position < grid.size[2] else None


def axialPlane(grid: Grid) -> NDArray[np.float64]:
    """SliceToRAS (4, 4) of the plane of a grid's voxels that is nearest to axial, through the centre of the grid.

    Oblique grids stay oblique, so that voxels are seen as they were acquired.
    """
    order = max(
        itertools.permutations(range(3)),
        key=lambda axes: sum(abs(grid.axes[i, axis]) for i, axis in enumerate(axes)),
    )
    matrix = np.eye(4)
    for column, (towards, axis) in enumerate(zip(_AXIAL, order, strict=True)):
        direction = grid.axes[:, axis]
        matrix[:3, column] = direction * (1 if direction @ towards >= 0 else -1)
    middle = (np.asarray(grid.size) - 1) / 2
    matrix[:3, 3] = np.asarray(grid.origin) + grid.axes @ (middle * grid.spacing)
    return LPS_TO_RAS @ matrix


def mapped(matrix: NDArray[np.float64] | None, place: Place) -> Place:
    """Where a 4 x 4 matrix brings a place; without a matrix it stays."""
    if matrix is None:
        return place
    right, anterior, superior, _one = matrix @ [*place, 1.0]
    return float(right), float(anterior), float(superior)


def sliceTitle(place: Place) -> str:
    """A slice as the bar above a slice view names it: the letter of the half, and millimetres."""
    superior = place[2]
    return f"{'S' if superior >= 0 else 'I'} {abs(superior):.1f} mm"


def overlap(first: Grid, second: Grid) -> bool:
    """Whether the boxes around two grids share any room."""
    low = np.maximum(first.corners().min(axis=0), second.corners().min(axis=0))
    high = np.minimum(first.corners().max(axis=0), second.corners().max(axis=0))
    return bool((high > low).all())


def _index(grid: Grid, place: Place) -> NDArray[np.float64]:
    lps = np.asarray(place) * (-1, -1, 1)
    return (grid.axes.T @ (lps - grid.origin)) / grid.spacing
