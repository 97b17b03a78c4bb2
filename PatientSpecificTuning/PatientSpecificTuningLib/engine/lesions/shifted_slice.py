"""The lesions of a single slice where the CNN is made to mark more or less on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.special import logit

from ..model.card import PostProcessing
from .lesions import binarize

# Beyond it, what is drawn by hand is nearer to the truth than any threshold.
LARGEST_SHIFT = 4.0


def shifted_slice(
    probability: NDArray[np.floating],
    organ_mask: NDArray[np.bool_],
    post_processing: PostProcessing,
    position: int,
    shift: float,
) -> NDArray[np.bool_]:
    """What `binarize` finds on a slice when the lesion logit of every voxel is raised.

    Args:
        probability: lesion softmax, float (Z, Y, X).
        organ_mask: bool (Z, Y, X).
        position: the slice.
        shift: added to the logit; above 0 more becomes lesion.

    Returns:
        bool (Y, X).
    """
    # What closing makes of a slice depends on no others.
    reach = post_processing.closing[0] - 1
    near = slice(max(0, position - reach), position + reach + 1)
    threshold = float(expit(logit(post_processing.threshold) - shift))
    found = binarize(probability[near], organ_mask[near], replace(post_processing, threshold=threshold))
    lesions: NDArray[np.bool_] = found[position - near.start]
    return lesions
