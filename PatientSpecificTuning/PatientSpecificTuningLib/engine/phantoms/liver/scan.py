"""What a scanner makes of a phantom abdomen: breath holds, echo-planar distortion, coil shading and noise."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ...images.geometry import Grid
from ..random_fields import rician
from ..random_fields import smooth_field
from .perfusion import BREATH_HOLD_OF_PHASE
from .perfusion import BREATH_HOLDS
from .perfusion import PORTAL_VENOUS_HOLD
from .tissue_signal import PHASES

Volume = NDArray[np.float32]

# Fully relaxed water in the files; int16 then keeps the noise and compresses well.
DCE_LEVEL, DWI_LEVEL = 240.0, 400.0
# Relative to the noise of the DCE series.
DWI_NOISE = 0.6


def acquired(
    painted: Volume, grid: Grid, noise: float, breathing_mm: float, rng: np.random.Generator
) -> tuple[list[sitk.Image], list[sitk.Image]]:
    """All phases of the DCE series and all b-values of the DWI as int16 images.

    Args:
        painted: float32 (phases + b-values, Z, Y, X), signal relative to fully relaxed water.
        noise: standard deviation in the DCE series, relative to fully relaxed water.
        breathing_mm: standard deviation of the craniocaudal shift between breath holds; the portal venous one stays.
        rng: source of randomness.
    """
    shading = np.exp(0.10 * smooth_field(grid.shape, (8, 40, 40), rng))
    shifts = breathing_mm * rng.normal(0, 1, len(BREATH_HOLDS))
    shifts[PORTAL_VENOUS_HOLD] = 0.0
    dce = []
    for phase in range(PHASES):
        moved = _breathed(painted[phase], grid, shifts[BREATH_HOLD_OF_PHASE[phase]])
        dce.append(_measured(moved * shading, noise, DCE_LEVEL, grid, rng))
    # Echo-planar images are coarser, acquired in other breaths and distorted along the phase encoding, front to back.
    distortion = 1.2 * smooth_field(grid.shape, (3, 14, 14), rng)
    shift = float(breathing_mm * rng.normal(0, 1))
    dwi = []
    for volume in painted[PHASES:]:
        blurred = ndimage.gaussian_filter(volume, (0, 0.9, 0.9))
        moved = _breathed(blurred, grid, shift, distortion)
        dwi.append(_measured(moved * shading, DWI_NOISE * noise, DWI_LEVEL, grid, rng))
    return dce, dwi


def _breathed(volume: Volume, grid: Grid, shift_mm: float, front_to_back_mm: Volume | None = None) -> Volume:
    """Move up by `shift_mm` and forward by a third of it, less towards the spine, which does not breathe."""
    if shift_mm == 0 and front_to_back_mm is None:
        return volume
    planes, rows, columns = np.indices(grid.shape, dtype=np.float32)
    freedom = np.clip(1 - rows / grid.size[1], 0.1, 0.7) / np.float32(0.7)
    sideways = 0 if front_to_back_mm is None else front_to_back_mm
    planes -= freedom * np.float32(shift_mm / grid.spacing[2])
    rows += (freedom * np.float32(shift_mm / 3) + sideways) / np.float32(grid.spacing[1])
    return ndimage.map_coordinates(volume, (planes, rows, columns), order=1, mode="nearest")


def _measured(signal: Volume, noise: float, level: float, grid: Grid, rng: np.random.Generator) -> sitk.Image:
    return grid.image(np.rint(level * rician(signal, noise, rng)).astype(np.int16))
