"""Where the baseline had a lesion less evidence is needed at follow-up: a bounded prior that can hide nothing.

The threshold is lowered inside the baseline's lesions and nowhere raised. Thresholding, closing and opening only ever
gain voxels from that, so every voxel that is lesion without the prior is lesion with it: a new lesion cannot be
hidden, whatever the baseline shows. What it can do is keep a lesion that has gone, which is why it is bounded and off
by default.
"""

from __future__ import annotations

from math import exp
from math import log

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

# More than this would make a lesion of what the CNN calls background with a probability of 95 %.
LARGEST_PRIOR = 3.0


def require_prior(prior: float) -> None:
    """Refuse a prior that could hide what happened.

    Raises:
        InputError: it is negative or above `LARGEST_PRIOR`.
    """
    if not 0 <= prior <= LARGEST_PRIOR:
        message = (
            f"The prior of baseline lesions is a logit from 0 (none) to {LARGEST_PRIOR:g}, not {prior:g}."
        )
        raise InputError(message)


def local_threshold(
    threshold: float, baseline_lesions: NDArray[np.bool_], prior: float
) -> NDArray[np.float32]:
    """The softmax from which a voxel of the follow-up is lesion.

    Args:
        threshold: everywhere else, as the model card says.
        baseline_lesions: bool (Z, Y, X), lesions of the baseline brought to the follow-up by the registration.
        prior: by how much the logit of the threshold is lower there.

    Returns:
        float32 (Z, Y, X).
    """
    lowered = 1 / (1 + exp(prior - log(threshold / (1 - threshold))))
    return np.where(baseline_lesions, lowered, threshold).astype(np.float32)
