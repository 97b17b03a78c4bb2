"""White matter lesions pasted on a real or simulated examination, for variety in base training.

The intensity model (amplitude by lesion size, edge profile, halo) follows measurements on expert-annotated
multiple sclerosis scans; intensities are relative to white matter = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Volume = NDArray[np.float32]
EVERY_NEIGHBOUR = np.ones((3, 3, 3), dtype=int)


@dataclass(frozen=True)
class LesionAppearance:
    """What the lesions of one patient look like.

    Attributes:
        flair_contrast: factor on the brightness that lesions add in FLAIR.
        t1_contrast: factor on the darkness that lesions add in T1; 0 makes them invisible there.
        halo: factor on the faint brightness around lesions, which is not lesion.
        variation: relative spread of contrast from lesion to lesion.
    """

    flair_contrast: float = 1.0
    t1_contrast: float = 1.0
    halo: float = 1.0
    variation: float = 0.18

    @classmethod
    def random(cls, rng: np.random.Generator) -> LesionAppearance:
        """Draw one patient's lesion appearance from the population."""
        return cls(
            flair_contrast=float(rng.uniform(0.75, 1.5)),
            t1_contrast=float(rng.choice([rng.uniform(0.0, 0.6), rng.uniform(0.6, 1.4)])),
            halo=float(rng.uniform(0.4, 1.4)),
        )


def paste_lesions(
    flair: Volume,
    t1: Volume,
    occupancy: Volume,
    spacing: tuple[float, float, float],
    appearance: LesionAppearance,
    rng: np.random.Generator,
) -> tuple[Volume, Volume, NDArray[np.bool_]]:
    """Add lesions to a pair of scans.

    Args:
        flair: (Z, Y, X) with white matter near 1.
        t1: (Z, Y, X) with white matter near 1.
        occupancy: (Z, Y, X), 0 to 1, the part of each voxel that a lesion fills.
        spacing: voxel size in mm, (x, y, z).
        appearance: the patient's lesion appearance.
        rng: source of randomness.

    Returns:
        FLAIR and T1 with lesions, and the lesion labels (Z, Y, X).
    """
    sampling = spacing[::-1]
    not_fluid = _smooth_step(flair, 0.55, 0.85)
    filled = occupancy * not_fluid
    labels = filled > 0.5
    components, count = ndimage.label(filled > 0.2, structure=EVERY_NEIGHBOUR)
    if count == 0:
        return flair, t1, labels
    bright, dark = _amplitudes(components, count, filled, float(np.prod(spacing)), appearance, rng)
    depth = ndimage.distance_transform_edt(labels, sampling=sampling)
    profile = 0.62 + 0.55 * (1 - np.exp(-depth / 2.2))
    texture = 1 + 0.10 * _smooth_noise(flair.shape, 1.5, rng)
    distance = ndimage.distance_transform_edt(~labels, sampling=sampling)
    halo = appearance.halo * (0.10 * np.exp(-distance / 1.6) + 0.05 * np.exp(-distance / 4))
    halo = np.where(labels, 0, halo) * _smooth_step(flair, 0.75, 0.95)
    added = filled * profile * texture
    new_flair = flair + added * bright + halo * (1 - filled)
    new_t1 = t1 * (1 - np.clip(added * dark, 0, 0.75))
    return new_flair.astype(np.float32), new_t1.astype(np.float32), labels


def _amplitudes(
    components: NDArray[np.int32],
    count: int,
    filled: Volume,
    voxel_volume: float,
    appearance: LesionAppearance,
    rng: np.random.Generator,
) -> tuple[Volume, Volume]:
    """Brightness added in FLAIR and relative darkness in T1, spread from each lesion to its neighbourhood."""
    volumes = ndimage.sum_labels(filled, components, np.arange(1, count + 1)) * voxel_volume
    size = np.log10(np.maximum(volumes, 3.0) / 10)
    variation = 1 + appearance.variation * rng.standard_normal(count)
    bright = np.clip((0.42 + 0.10 * size) * appearance.flair_contrast * variation, 0.12, 1.4)
    dark = np.clip((0.14 + 0.06 * size) * appearance.t1_contrast * variation, 0.0, 0.6)
    black_hole = (rng.random(count) < 0.1) & (volumes > 100)
    dark = np.where(black_hole, dark + 0.3, dark)
    lookup = np.concatenate([[0], bright]), np.concatenate([[0], dark])
    return lookup[0][components].astype(np.float32), lookup[1][components].astype(np.float32)


def _smooth_step(values: Volume, low: float, high: float) -> Volume:
    step = np.clip((values - low) / (high - low), 0, 1)
    return step * step * (3 - 2 * step)


def _smooth_noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Volume:
    noise = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma)
    return noise / max(float(noise.std()), 1e-6)
