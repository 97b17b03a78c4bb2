"""The same brain as another protocol or another mask would show it: thick slices, masks that reach too far, bright fat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from brain_examinations import Corrected
from numpy.typing import NDArray
from scipy import ndimage

# Weights of neighbouring 3 mm slices in one slice of about 6 and 9 mm.
SLICE_PROFILES = ((0.25, 0.5, 0.25), (0.1, 0.25, 0.3, 0.25, 0.1))
THICK_FROM_MM = 4.0
LARGEST_EXCESS_PIXELS = 6
# The lowest part of the brain, where masks reach furthest into orbits, fat and muscle.
SKULL_BASE = 0.45
# Brightness of what lies around the brain, in medians of the brain, by sequence; fat without suppression is brightest.
SURROUNDINGS = {"flair": (0.7, 2.2), "t1": (0.7, 2.0)}
BONE = 0.25


def with_thick_slices(
    scan: Corrected, weight: float, rng: np.random.Generator
) -> Iterator[tuple[Corrected, float]]:
    """The examination, and where its slices are thin also what thick ones would show; each for half the weight."""
    if scan.spacing[2] > THICK_FROM_MM:
        yield scan, weight
        return
    yield scan, weight / 2
    profile = SLICE_PROFILES[rng.integers(len(SLICE_PROFILES))]
    yield _thick(scan, profile), weight / 2


def with_sloppy_mask(scan: Corrected, rng: np.random.Generator) -> Corrected:
    """The same with a brain mask that reaches some pixels into meninges, skull and eyes."""
    pixels = int(rng.integers(1, LARGEST_EXCESS_PIXELS + 1))
    organ = ndimage.binary_dilation(scan.organ, structure=np.ones((1, 3, 3), dtype=bool), iterations=pixels)
    return replace(scan, name=f"{scan.name} sloppy", organ=organ)


def with_head(scan: Corrected, rng: np.random.Generator) -> Corrected:
    """The same with an uneven mask that reaches past the bone into bright fat, muscle and orbits.

    The 3 T scans come stripped or with fat suppressed, so they show nothing of what a clinical mask reaches into.
    Inside the given mask nothing changes.
    """
    inside = np.flatnonzero(scan.organ.any(axis=(1, 2)))
    height = (np.arange(len(scan.organ)) - inside[0]) / max(1, np.ptp(inside))
    low = np.clip(1 - height / SKULL_BASE, 0, 1)
    unevenness = _smooth_noise(scan.organ.shape, (1, 12, 12), rng)
    margin = rng.uniform(0, 3) + 3 * unevenness + rng.uniform(2, 10) * low[:, None, None]
    # Of an empty slice there is no rim to be near to.
    distance = np.stack(
        [
            ndimage.distance_transform_edt(~plane) if plane.any() else np.full(plane.shape, np.inf)
            for plane in scan.organ
        ]
    )
    added = (distance > 0) & (distance <= margin)
    bone = distance <= rng.uniform(0.5, 3.5)

    def surrounded(volume: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.float32]:
        level = np.median(volume[scan.organ]) * np.exp(rng.uniform(*np.log(limits)))
        texture = np.exp(0.5 * _smooth_noise(volume.shape, (0.5, *[rng.uniform(1, 4)] * 2), rng))
        around = level * texture * np.where(bone, BONE, 1.0)
        return np.where(added, around, volume).astype(np.float32)

    return replace(
        scan,
        name=f"{scan.name} head",
        flair=surrounded(scan.flair, SURROUNDINGS["flair"]),
        t1=None if scan.t1 is None else surrounded(scan.t1, SURROUNDINGS["t1"]),
        organ=scan.organ | added,
    )


def _smooth_noise(
    shape: tuple[int, ...], width: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.floating]:
    """Gaussian noise of this correlation width in voxels, mean 0 and standard deviation 1."""
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), width)
    return (smooth - smooth.mean()) / smooth.std()


def _thick(scan: Corrected, profile: tuple[float, ...]) -> Corrected:
    def averaged(volume: NDArray[np.generic]) -> NDArray[np.float32]:
        # Neighbours are nearly the same then, so every second slice is enough.
        return ndimage.convolve1d(volume.astype(np.float32), profile, axis=0, mode="nearest")[::2]

    return replace(
        scan,
        name=f"{scan.name} thick",
        flair=averaged(scan.flair),
        t1=None if scan.t1 is None else averaged(scan.t1),
        organ=scan.organ[::2],
        lesions=averaged(scan.lesions) >= 0.5,
        normal=averaged(scan.normal) >= 0.5,
        spacing=(*scan.spacing[:2], 2 * scan.spacing[2]),
    )
