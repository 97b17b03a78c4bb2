"""Lesions of known size and contrast, put into an examination that was prepared for the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]
# How far from lesions, in the slice, the tissue lies that they are compared with: their blurred rim is left out.
RIM, SURROUNDINGS = 2, 5
STRETCH_SD = 0.2
# Of the point spread in the slice, in voxels, as measured on real scans.
BLUR_VOXELS = 0.5
PARTS_PER_VOXEL = 5
_IN_PLANE = ndimage.generate_binary_structure(2, 2)[None]


def surroundings(lesions: Mask, organ: Mask) -> Mask:
    """Tissue round lesions in the slice, without their blurred rim; bool (Z, Y, X)."""
    if not lesions.any():
        return np.zeros_like(lesions)
    rim = ndimage.binary_dilation(lesions, _IN_PLANE, RIM)
    return ndimage.binary_dilation(lesions, _IN_PLANE, SURROUNDINGS) & ~rim & organ


def lesion_contrast(images: Volume, lesions: Mask, organ: Mask) -> NDArray[np.float64] | None:
    """How much brighter than their surroundings lesions are in each channel; None where they cannot be compared.

    The half of their voxels that differs most in the first channel is taken, since the border of lesions is blurred and
    often drawn generously.

    Args:
        images: float32 (channels, Z, Y, X).
        lesions: bool (Z, Y, X).
        organ: bool (Z, Y, X).
    """
    around = surroundings(lesions, organ)
    if not around.any():
        return None
    first = images[0][lesions]
    middle = np.median(first)
    differing = first >= middle if middle >= np.median(images[0][around]) else first <= middle
    return np.array(
        [float(np.median(image[lesions][differing]) - np.median(image[around])) for image in images]
    )


def random_radii(volume_mm3: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Half axes in mm, (z, y, x), of an ellipsoid of this volume."""
    stretch = np.exp(rng.normal(0, STRETCH_SD, 3))
    radii: NDArray[np.float64] = np.cbrt(3 * volume_mm3 / (4 * np.pi)) * stretch / np.cbrt(stretch.prod())
    return radii


def fill_ellipsoid(
    shape: Sequence[int], centre: NDArray[np.floating], radii: NDArray[np.floating], sampling: Sequence[float]
) -> Volume:
    """The part of each voxel, 0 to 1, that an ellipsoid fills, float32 of `shape`, by supersampling.

    Args:
        shape: of the volume, (Z, Y, X).
        centre: in voxels.
        radii: in mm.
        sampling: voxel size in mm, (z, y, x).
    """
    occupancy = np.zeros(tuple(shape), dtype=np.float32)
    reach = np.ceil(radii / np.asarray(sampling)).astype(int) + 1
    nearest = np.round(centre).astype(int)
    box = tuple(
        slice(max(0, p - r), min(n, p + r + 1)) for p, r, n in zip(nearest, reach, shape, strict=True)
    )
    parts = PARTS_PER_VOXEL
    axes = [
        (np.arange(b.start * parts, b.stop * parts) + 0.5) / parts - 0.5 - c
        for b, c in zip(box, centre, strict=True)
    ]
    offsets = np.meshgrid(*axes, indexing="ij")
    inside = sum((o * s / r) ** 2 for o, s, r in zip(offsets, sampling, radii, strict=True)) < 1
    blocks = np.asarray(inside).reshape(*[n for b in box for n in (b.stop - b.start, parts)])
    occupancy[box] = blocks.mean(axis=(1, 3, 5))
    return occupancy


def inject(images: Volume, occupancy: Volume, contrast: NDArray[np.floating], organ: Mask) -> Volume:
    """The examination with lesions added to every channel, blurred in the slice as a scanner would.

    Args:
        images: float32 (channels, Z, Y, X).
        occupancy: float32 (Z, Y, X), 0 to 1, the part of each voxel that is lesion, times any factor on its contrast.
        contrast: of each channel.
        organ: bool (Z, Y, X); nothing is added outside.
    """
    blurred = ndimage.gaussian_filter(occupancy, (0, BLUR_VOXELS, BLUR_VOXELS)) * organ
    added = np.asarray(contrast, dtype=np.float32)[:, None, None, None] * blurred
    return (images + added).astype(np.float32)
