"""Grids: where voxels lie in the patient, and how images move from one grid to another and back."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..files import json_values
from .limits import LARGEST_VOLUME
from .limits import require_extent
from .limits import require_size

INTERPOLATORS = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor, "bspline": sitk.sitkBSpline}
# In-plane spacings nearer than this to the model's are left alone: resampling would only blur.
SPACING_TOLERANCE = 0.02


@dataclass(frozen=True)
class Grid:
    """Size, spacing (mm), origin (LPS mm) and direction cosines of a 3D image, in SimpleITK's order (x, y, z)."""

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """The grid of an image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Grid:
        """Build a grid from what `to_dict` gave.

        Raises:
            KeyError: something is missing.
            ValueError: something is no such number.
        """
        values = json_values.fields(values, json_values.anything)
        return cls(
            json_values.entries(values["size"], _count, count=3),
            json_values.entries(values["spacing"], _step, count=3),
            json_values.entries(values["origin"], json_values.number, count=3),
            json_values.entries(values["direction"], _cosine, count=9),
        )

    def to_dict(self) -> dict[str, Any]:
        """The grid as lists, ready for JSON."""
        return {name: list(values) for name, values in asdict(self).items()}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a numpy array on this grid, (Z, Y, X)."""
        x, y, z = self.size
        return z, y, x

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(np.prod(self.spacing))

    def image(self, array: NDArray[np.generic]) -> sitk.Image:
        """Put a (Z, Y, X) array on this grid."""
        image = sitk.GetImageFromArray(np.asarray(array))
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def plane(self, axis: int, index: int) -> Grid:
        """The grid of one of its planes.

        Args:
            axis: 0 is x; index: of the plane along it.
        """
        size = tuple(1 if other == axis else length for other, length in enumerate(self.size))
        origin = np.asarray(self.origin) + index * self.spacing[axis] * self.axes[:, axis]
        return replace(self, size=size, origin=tuple(map(float, origin)))

    def same_as(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Whether every corner voxel of both lies within `tolerance` mm and the sizes are equal."""
        return self.size == other.size and np.allclose(
            self.corners(), other.corners(), atol=tolerance, rtol=0
        )

    def corners(self) -> NDArray[np.float64]:
        """Centres of the eight corner voxels, LPS mm, (8, 3), read only."""
        return _corners(self)

    def shows(self, image: sitk.Image) -> bool:
        """Whether any voxel of a mask, which is not empty, lies inside this grid."""
        indices = np.argwhere(sitk.GetArrayViewFromImage(image) > 0)[:, ::-1]
        own = Grid.of(image)
        points = own.origin + (indices * own.spacing) @ own.axes.T
        steps = (points - self.origin) @ np.linalg.inv(self.axes).T / self.spacing
        return bool(((steps > -0.5) & (steps < np.asarray(self.size) - 0.5)).all(axis=1).any())

    @property
    def axes(self) -> NDArray[np.float64]:
        """Direction cosines, one column per axis."""
        return np.asarray(self.direction).reshape(3, 3)


@lru_cache(maxsize=64)
def _corners(grid: Grid) -> NDArray[np.float64]:
    """Asked for whenever anything on the screen changes."""
    last = np.asarray(grid.size) - 1
    indices = np.stack(np.meshgrid(*[(0, end) for end in last], indexing="ij"), axis=-1).reshape(-1, 3)
    corners = np.asarray(grid.origin) + (indices * grid.spacing) @ grid.axes.T
    corners.flags.writeable = False
    return corners


def _count(value: Any) -> int:
    return json_values.integer(value, 1, LARGEST_VOLUME)


def _step(value: Any) -> float:
    return json_values.number(value, 1e-6, 1e6)


def _cosine(value: Any) -> float:
    return json_values.number(value, -1.001, 1.001)


def check_geometry(image: sitk.Image, name: str) -> None:
    """Refuse an image whose voxels cannot be placed in the patient.

    Raises:
        InputError: spacing that no scan has, or axes that are not at right angles.
    """
    axes = Grid.of(image).axes
    problem = ""
    if min(image.GetSpacing()) <= 0 or not np.isfinite([*image.GetSpacing(), *image.GetOrigin()]).all():
        problem = f"has an impossible spacing or origin ({image.GetSpacing()}, {image.GetOrigin()})"
    elif not np.allclose(axes.T @ axes, np.eye(3), atol=1e-2):
        problem = "has axes that are not at right angles (gantry tilt or shear)"
    if problem:
        message = f"The {name} {problem}; export it again with a regular grid."
        raise InputError(message)
    require_extent(name, image.GetSize(), image.GetSpacing())


def working_grid(reference: sitk.Image, spacing_in_plane_mm: float) -> Grid:
    """The grid on which the network sees an examination.

    Axes are permuted and flipped to the nearest of left, posterior, superior, so that slices are axial; an oblique
    angle and the slice spacing stay as they are. In plane the pixels get the model's size, unless they have
    it nearly already, and the field of view stays.
    """
    grid = Grid.of(sitk.DICOMOrient(reference, "LPS"))
    old = np.asarray(grid.spacing)
    new = old.copy()
    for axis in (0, 1):
        if abs(old[axis] / spacing_in_plane_mm - 1) > SPACING_TOLERANCE:
            new[axis] = spacing_in_plane_mm
    extent = np.asarray(grid.size) * old
    size = np.maximum(1, np.ceil(extent / new - 1e-6)).astype(int)
    require_size("scan on the grid of the model", [int(n) for n in size])
    # The centre of the field of view stays; the first voxel moves accordingly.
    shift = (extent - size * new + new - old) / 2
    origin = np.asarray(grid.origin) + grid.axes @ shift
    return Grid(
        tuple(int(n) for n in size), tuple(map(float, new)), tuple(map(float, origin)), grid.direction
    )


def resample(
    image: sitk.Image,
    grid: Grid,
    *,
    interpolation: str = "linear",
    transform: sitk.Transform | None = None,
    background: float = 0.0,
) -> sitk.Image:
    """Bring an image onto a grid.

    Where the grid is coarser than the image, the image is smoothed first so that fine detail does not alias.

    Args:
        interpolation: "linear", "nearest" or "bspline".
        transform: from points of the grid to points of the image (ITK's convention), None for identity.
        background: value outside the image.
    """
    if transform is None and Grid.of(image).same_as(grid):
        return image
    if interpolation != "nearest":
        image = _without_aliases(image, grid)
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(grid.size)
    resampler.SetOutputSpacing(grid.spacing)
    resampler.SetOutputOrigin(grid.origin)
    resampler.SetOutputDirection(grid.direction)
    resampler.SetInterpolator(INTERPOLATORS[interpolation])
    resampler.SetTransform(transform or sitk.Transform(3, sitk.sitkIdentity))
    resampler.SetDefaultPixelValue(background)
    return resampler.Execute(image)


def resample_labelmap(mask: sitk.Image, grid: Grid, transform: sitk.Transform | None = None) -> sitk.Image:
    """Bring a uint8 0/1 mask onto a grid: a voxel belongs to it when at least half of it does."""
    if transform is None and Grid.of(mask).same_as(grid):
        return mask
    part = resample(sitk.Cast(mask, sitk.sitkFloat32), grid, transform=transform)
    # Exactly half counts, whatever rounding made of it.
    return part >= 0.5 - 1e-4


def return_to_user_grid(array: NDArray[np.generic], working: Grid, user: Grid, *, labels: bool) -> sitk.Image:
    """Bring a result (Z, Y, X) from the working grid to the grid of the volume that the user loaded.

    Args:
        labels: True for masks, which come back as uint8; False for values, which come back as float32.
    """
    image = working.image(array.astype(np.uint8 if labels else np.float32))
    return resample_labelmap(image, user) if labels else resample(image, user)


def _without_aliases(image: sitk.Image, grid: Grid) -> sitk.Image:
    source = Grid.of(image)
    # Which axis of the grid runs along each axis of the image.
    along = np.argmax(np.abs(grid.axes.T @ source.axes), axis=0)
    ratio = np.asarray(grid.spacing)[along] / source.spacing
    sigma = np.where(ratio > 1.2, 0.425 * np.sqrt(np.maximum(ratio**2 - 1, 0)), 0)
    if not sigma.any():
        return image
    smooth = ndimage.gaussian_filter(
        sitk.GetArrayFromImage(image).astype(np.float32), sigma[::-1], mode="nearest"
    )
    return source.image(smooth)
