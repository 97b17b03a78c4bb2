"""Intensity normalisation inside the organ mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


def normalize(
    volume: NDArray[np.floating],
    organ_mask: NDArray[np.bool_],
    clip_percentiles: tuple[float, float] = (0.5, 99.5),
    *,
    name: str = "volume",
) -> NDArray[np.float32]:
    """Clip to percentiles of the organ, then z-score with the organ's mean and standard deviation.

    Channels given together share one scale, so that enhancement curves survive.

    Args:
        volume: (Z, Y, X), or (channels, Z, Y, X) for a shared scale.
        organ_mask: bool (Z, Y, X).
        clip_percentiles: lower and upper percentile.
        name: what the error message calls the volume.

    Returns:
        float32 of the shape of `volume`, 0 outside the organ mask.

    Raises:
        InputError: the volume is constant inside the organ mask.
    """
    inside = volume[..., organ_mask].astype(np.float64)
    low, high = np.percentile(inside, clip_percentiles)
    clipped = np.clip(inside, low, high)
    deviation = clipped.std()
    if not deviation > 1e-6 * max(1.0, abs(high)):
        message = f"The {name} has the same intensity everywhere inside the organ mask; check the image and the mask."
        raise InputError(message)
    result = np.zeros(volume.shape, dtype=np.float32)
    result[..., organ_mask] = (clipped - clipped.mean()) / deviation
    return result
