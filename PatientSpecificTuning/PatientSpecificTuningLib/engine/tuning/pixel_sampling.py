"""Which pixels of a batch an iteration looks at, so that the expected loss stays that of all pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sample_pixels(
    telling: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Draw pixels, telling ones first: they get up to half of the places, the others share what is left.

    Lesions are few and background is plenty, so drawing alike from all would mostly see background. Each drawn
    pixel counts for as many as it stands for, which keeps sums over the pixels unbiased (stratified sampling).

    Args:
        telling: bool (pixels,), such as lesions and their surroundings.
        count: how many to draw; all are taken where there are no more.

    Returns:
        indices in ascending order, and float32 factors that add up to the number of pixels.
    """
    if telling.size <= count:
        return np.arange(telling.size), np.ones(telling.size, dtype=np.float32)
    first, others = np.flatnonzero(telling), np.flatnonzero(~telling)
    # Whatever one kind does not need goes to the other.
    places = min(first.size, max(count // 2, count - others.size))
    drawn, factors = [], []
    for pixels, wanted in ((first, places), (others, count - places)):
        if pixels.size:
            drawn.append(rng.choice(pixels, wanted, replace=False))
            factors.append(np.full(wanted, pixels.size / max(1, wanted), dtype=np.float32))
    indices, weights = np.concatenate(drawn), np.concatenate(factors)
    order = np.argsort(indices)
    return indices[order], weights[order]
