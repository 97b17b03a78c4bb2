"""Where a follow-up is brighter than the baseline: the difference of two registered images against its own noise.

The CNN looks at each examination alone; the difference of the two images is evidence that it cannot use. It is taken of
the sequence in which lesions are bright, blurred by a millimetre, less what changes slowly from place to place, such as
shading, and in units of its own robust standard deviation inside the organ, which holds noise, resampling and a
registration that is a little off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..model.card import ModelCard

# Sequences in which a lesion is brighter than the tissue that it lies in.
BRIGHT_IN = ("FLAIR",)
BLUR_MM, SHADING_MM = 1.0, 30.0
# Of a normal distribution, its standard deviation from the median of absolute differences from the median.
_SD_OF_MEDIAN = 1.4826

Volume = NDArray[np.float32]


def bright_channel(card: ModelCard) -> int | None:
    """The channel of the images in which lesions are bright; None where the model sees no such sequence."""
    first = 0
    for pathway in card.pathways:
        if pathway.sequence in BRIGHT_IN:
            return first + pathway.key_index
        first += pathway.channels
    return None


def brightening(before: Volume, after: Volume, spacing: tuple[float, float, float]) -> Volume:
    """By how many standard deviations of its noise the follow-up is brighter than the baseline, float32 (Z, Y, X).

    Args:
        before: the baseline on the grid of the follow-up, float32 (Z, Y, X), nan where it shows no organ.
        after: the same of the follow-up.
        spacing: voxel size in mm, (x, y, z).

    Returns:
        0 where one of them shows no organ, and everywhere where they do not differ.
    """
    result = np.zeros(after.shape, dtype=np.float32)
    known = np.isfinite(before) & np.isfinite(after)
    boxes = ndimage.find_objects(known.astype(np.uint8))
    if not boxes:
        return result
    box, sizes = boxes[0], spacing[::-1]
    inside = known[box]
    difference = np.where(inside, after[box] - before[box], 0).astype(np.float32)
    weight = inside.astype(np.float32)
    blur = [BLUR_MM / size for size in sizes]
    part = np.maximum(ndimage.gaussian_filter(weight, blur, truncate=2), 1e-3)
    blurred = np.where(inside, ndimage.gaussian_filter(difference, blur, truncate=2) / part, 0)
    width = [2 * round(SHADING_MM / 2 / size) + 1 for size in sizes]
    part = np.maximum(ndimage.uniform_filter(weight, width, mode="constant"), 1e-3)
    change = blurred - ndimage.uniform_filter(blurred.astype(np.float32), width, mode="constant") / part
    values = change[inside]
    noise = _SD_OF_MEDIAN * float(np.median(np.abs(values - np.median(values))))
    if noise > 0:
        result[box] = np.where(inside, change / noise, 0)
    return result
