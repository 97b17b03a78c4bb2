"""How much corrected slices have to teach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Lesion pixels from which a slice counts in full; a head tuned on seven finds nothing on the others.
PIXELS_OF_A_WHOLE_SLICE = 20
# Dice of the base CNN on the corrected slices: up to the first they teach all they can, from the second on half of it.
STILL_WRONG, NEARLY_RIGHT = 0.7, 0.85


def taught_slices(lesions: NDArray[np.bool_], slices: Sequence[int]) -> float:
    """The number of corrected slices, those with few lesion pixels counted in part and those without as none.

    Args:
        lesions: bool (Z, Y, X), inside the organ.
        slices: the corrected slices.
    """
    pixels = np.count_nonzero(lesions[list(slices)], axis=(1, 2))
    return float(np.minimum(1, pixels / PIXELS_OF_A_WHOLE_SLICE).sum())


def of_baseline(
    lesions: NDArray[np.bool_], slices: Sequence[int], shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], list[int]]:
    """Those of the lesions and slices of a stack of examinations that are of its first one, the baseline.

    Args:
        lesions: bool (Z, Y, X), of the baseline or of a stack that begins with it.
        slices: of the stack.
        shape: of the baseline; in a stack all slices are as large as the largest.
    """
    there = [position for position in slices if position < shape[0]]
    return lesions[tuple(slice(length) for length in shape)], there


def left_to_teach(found: NDArray[np.bool_], lesions: NDArray[np.bool_], slices: Sequence[int]) -> float:
    """How much of what corrected slices show the base CNN does not know yet, from 1/2 to 1.

    Where it is nearly right on them it is nearly right elsewhere, and tuning learns what is peculiar to these slices.

    Args:
        found: bool (Z, Y, X), lesions of the base CNN on the baseline; only `slices` of it are looked at.
        lesions: the same of what was drawn, inside the organ.
        slices: the corrected slices of the baseline.
    """
    chosen = list(slices)
    found, drawn = found[chosen], lesions[chosen]
    marked = np.count_nonzero(found) + np.count_nonzero(drawn)
    dice = 2 * np.count_nonzero(found & drawn) / marked if marked else 0.0
    return float(np.interp(dice, (STILL_WRONG, NEARLY_RIGHT), (1.0, 0.5)))
