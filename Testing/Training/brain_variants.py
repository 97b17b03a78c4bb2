"""The same brain as another protocol or another mask would show it: thick slices, and masks that reach too far."""

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
