"""Random changes to the intensities of training patches, so that other scanners are no surprise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Patch = NDArray[np.float32]
# Where the slope of a random intensity curve changes: fluid, both kinds of tissue, lesions.
CURVE_KNOTS = np.array([-6.0, -2.0, -1.0, -0.4, 0.0, 0.4, 1.0, 2.0, 3.5, 8.0], dtype=np.float32)
# Tissue around a lesion, whose mean it would have without one, in pixels.
SURROUNDINGS = 4.0
LESION_EDGE = 0.7


def vary_intensities(
    patch: Patch, organ: NDArray[np.bool_], pathway_of_channel: list[int], rng: np.random.Generator
) -> Patch:
    """Vary gamma, gain, offset, bias field, blur and noise of a normalised patch.

    Channels of one pathway share gain, gamma and bias, so that contrast between them is kept.

    Args:
        patch: (channels, rows, columns), z-scored inside the organ, 0 outside.
        organ: (rows, columns).
        pathway_of_channel: index of the pathway of every channel.
        rng: source of randomness.

    Returns:
        (channels, rows, columns) float32, 0 outside the organ.
    """
    varied = patch.copy()
    for pathway in set(pathway_of_channel):
        channels = [c for c, owner in enumerate(pathway_of_channel) if owner == pathway]
        field = _bias_field(organ.shape, rng)
        gain, offset = rng.uniform(0.8, 1.25), rng.normal(0, 0.15)
        gamma = np.exp(rng.normal(0, 0.15))
        blur = rng.uniform(0.3, 1.0) if rng.random() < 0.3 else 0.0
        noise = rng.uniform(0.02, 0.25) if rng.random() < 0.5 else 0.0
        for channel in channels:
            plane = _gamma(varied[channel], gamma)
            # The bias field multiplies intensities; z-scored dark tissue lies near -3.
            plane = (plane + 3.5) * field - 3.5
            if blur:
                plane = ndimage.gaussian_filter(plane, blur)
            if noise:
                plane = plane + noise * _point_spread(rng.standard_normal(organ.shape).astype(np.float32))
            varied[channel] = plane * gain + offset
    return np.where(organ, varied, 0).astype(np.float32)


def vary_contrast(
    patch: Patch,
    organ: NDArray[np.bool_],
    pathway_of_channel: list[int],
    spread: float,
    rng: np.random.Generator,
) -> Patch:
    """Send intensities through a random increasing curve for each pathway, so that tissues differ as on another scanner.

    Field strength, echo and inversion times change how far fluid, grey matter, white matter and lesions lie apart,
    and hardly ever their order. Typical tissue, 0, stays where it is.

    Args:
        patch: (channels, rows, columns), z-scored inside the organ, 0 outside.
        organ: (rows, columns).
        pathway_of_channel: index of the pathway of every channel.
        spread: standard deviation of the logarithm of the curve's slopes, 0 for none.
        rng: source of randomness.

    Returns:
        (channels, rows, columns) float32, 0 outside the organ.
    """
    if not spread:
        return patch
    varied = np.zeros_like(patch, dtype=np.float32)
    for pathway in sorted(set(pathway_of_channel)):
        steps = np.diff(CURVE_KNOTS) * np.exp(rng.normal(0, spread, CURVE_KNOTS.size - 1))
        heights = np.concatenate([[0.0], np.cumsum(steps)])
        heights -= np.interp(0.0, CURVE_KNOTS, heights)
        for channel, owner in enumerate(pathway_of_channel):
            if owner == pathway:
                varied[channel][organ] = np.interp(patch[channel][organ], CURVE_KNOTS, heights)
    return varied


def fade_lesions(
    patch: Patch,
    lesions: NDArray[np.bool_],
    organ: NDArray[np.bool_],
    faintest: float,
    rng: np.random.Generator,
) -> Patch:
    """Bring lesions nearer to the tissue around them, as they are on a scanner or in a patient with less contrast.

    Args:
        patch: (channels, rows, columns), 0 outside the organ.
        lesions, organ: (rows, columns).
        faintest: least part of their contrast that they keep; the part is drawn between it and 1.
        rng: source of randomness.

    Returns:
        (channels, rows, columns) float32.
    """
    # Blurred rims of lesions lie outside their masks.
    widened = ndimage.binary_dilation(lesions) & organ
    tissue = (organ & ~widened).astype(np.float32)
    nearby = ndimage.gaussian_filter(tissue, SURROUNDINGS)
    if not widened.any() or not nearby[widened].all():
        return patch
    amount = (1 - rng.uniform(faintest, 1.0)) * ndimage.gaussian_filter(
        widened.astype(np.float32), LESION_EDGE
    )
    faded = patch.copy()
    for plane in faded:
        around = ndimage.gaussian_filter(plane * tissue, SURROUNDINGS) / np.maximum(nearby, 1e-6)
        plane -= amount * (plane - around) * widened
    return faded


def drop_pathway(
    patch: Patch,
    pathway_of_channel: list[int],
    droppable: list[int],
    probability: float,
    rng: np.random.Generator,
) -> Patch:
    """Set one of the droppable pathways to zero with the given probability, as when a sequence is missing."""
    if not droppable or rng.random() >= probability:
        return patch
    dropped = rng.choice(droppable)
    keep = np.array([owner != dropped for owner in pathway_of_channel], dtype=np.float32)
    return patch * keep[:, None, None]


def _gamma(plane: Patch, gamma: float) -> Patch:
    low, high = -4.0, 5.0
    unit = np.clip((plane - low) / (high - low), 0, 1)
    centre = -low / (high - low)
    # Rescaled so that the organ's mean, 0, stays where it is.
    return unit**gamma * (centre ** (1 - gamma)) * (high - low) + low


def _bias_field(shape: tuple[int, int], rng: np.random.Generator) -> Patch:
    coarse = rng.normal(0, 0.06, size=(4, 4)).astype(np.float32)
    zoom = (shape[0] / 4, shape[1] / 4)
    return np.exp(ndimage.zoom(coarse, zoom, order=3, mode="nearest", grid_mode=True))


def _point_spread(noise: Patch) -> Patch:
    return ndimage.gaussian_filter(noise, 0.5) * 1.8
