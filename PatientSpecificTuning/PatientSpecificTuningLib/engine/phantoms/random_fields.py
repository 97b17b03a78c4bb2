"""Random fields that phantoms are textured, shaded and corrupted with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Volume = NDArray[np.float32]


def smooth_field(
    shape: tuple[int, ...], sigma: float | tuple[float, ...], rng: np.random.Generator
) -> Volume:
    """Smooth Gaussian noise with zero mean and unit standard deviation.

    Args:
        shape: of the field.
        sigma: smoothness in voxels, for all axes or for each.
        rng: source of randomness.
    """
    noise = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma, mode="reflect")
    noise -= noise.mean()
    return noise / max(float(noise.std()), 1e-6)


def rician(signal: Volume, noise: float, rng: np.random.Generator) -> Volume:
    """The magnitude of a complex signal with Gaussian noise of standard deviation `noise` in both parts."""
    real = signal + noise * rng.standard_normal(signal.shape)
    imaginary = noise * rng.standard_normal(signal.shape)
    return np.sqrt(real**2 + imaginary**2)


class SmoothWaves:
    """A smooth random function of position in mm, known everywhere and not only on a grid.

    Two examinations on different grids and in different poses thus show the same anatomy.
    """

    def __init__(self, wavelength_mm: float, rng: np.random.Generator, *, count: int = 6) -> None:
        directions = rng.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength_mm * np.exp(rng.uniform(-0.4, 0.4, (count, 1)))
        self.waves = (2 * np.pi * directions / lengths).astype(np.float32)
        self.phases = rng.uniform(0, 2 * np.pi, count).astype(np.float32)

    def __call__(self, points: tuple[Volume, Volume, Volume]) -> Volume:
        """Values with zero mean and unit standard deviation at points (three arrays of one shape, mm)."""
        total = np.zeros(points[0].shape, dtype=np.float32)
        for wave, phase in zip(self.waves, self.phases, strict=True):
            total += np.sin(sum(p * w for p, w in zip(points, wave, strict=True)) + phase)
        return total * np.float32(np.sqrt(2 / len(self.phases)))
