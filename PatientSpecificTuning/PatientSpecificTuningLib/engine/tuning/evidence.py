"""How much corrected slices have to teach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Lesion pixels from which a slice counts in full; a head tuned on seven finds nothing on the others.
PIXELS_OF_A_WHOLE_SLICE = 20


def taught_slices(lesions: NDArray[np.bool_], slices: Sequence[int]) -> float:
    """The number of corrected slices, those with few lesion pixels counted in part and those without as none.

    Args:
        lesions: bool (Z, Y, X), inside the organ.
        slices: the corrected slices.
    """
    pixels = np.count_nonzero(lesions[list(slices)], axis=(1, 2))
    return float(np.minimum(1, pixels / PIXELS_OF_A_WHOLE_SLICE).sum())
