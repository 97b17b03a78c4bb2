"""What the baseline says of the follow-up before anybody looks: two bounded priors that can hide nothing.

Where the baseline had a lesion, less evidence is needed for one at follow-up (`LesionPriors.kept`); and where the CNN
is much surer of a lesion than it was at baseline, beyond what repeated measurement shows, less is needed for a new one
(`LesionPriors.risen`). Both lower the threshold there and raise it nowhere. Thresholding, closing and opening only ever
gain voxels from that, so every voxel that is lesion without a prior is lesion with it, whatever the baseline shows.
What they can do is keep a lesion that has gone and believe in one that is none, so they are bounded and off by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from .change import SeenLesions
from .change_evidence import ChangeSettings
from .change_evidence import systematic_shift
from .lesions import EVERY_NEIGHBOUR

# More than this would make a lesion of what the CNN calls background with a probability of 95 %.
LARGEST_PRIOR = 3.0
# The logit has risen when it lies so far above the highest one that the baseline shows within the error of the border.
# In scans of two patients that were taken again (12 pairs) no piece of 10 mm3 rose as much.
RISEN_LOGIT = 4.0

Mask = NDArray[np.bool_]
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class LesionPriors:
    """By how much the logit of the threshold is lower, 0 for not at all.

    Attributes:
        kept: inside the lesions of the baseline.
        risen: where the logit has risen since the baseline by more than repeated measurement would show.

    Raises:
        InputError: one of them is negative or above `LARGEST_PRIOR`.
    """

    kept: float = 0.0
    risen: float = 0.0

    def __post_init__(self) -> None:
        for prior in (self.kept, self.risen):
            if not 0 <= prior <= LARGEST_PRIOR:
                message = f"A prior of lesions is a logit from 0 (none) to {LARGEST_PRIOR:g}, not {prior:g}."
                raise InputError(message)

    def __bool__(self) -> bool:
        return bool(self.kept or self.risen)


def lowered(threshold: float, prior: float) -> float:
    """A threshold of the softmax whose logit is lower by `prior`."""
    return 1 / (1 + exp(prior - log(threshold / (1 - threshold))))


def local_threshold(
    threshold: float, baseline_lesions: Mask, risen_tissue: Mask, priors: LesionPriors
) -> Volume:
    """The softmax from which a voxel of the follow-up is lesion, float32 (Z, Y, X).

    Args:
        threshold: everywhere else, as the model card says.
        baseline_lesions: bool (Z, Y, X), lesions of the baseline brought to the follow-up by the registration.
        risen_tissue: bool (Z, Y, X), see `risen`.
    """
    local = np.where(baseline_lesions, lowered(threshold, priors.kept), threshold)
    return np.where(risen_tissue, np.minimum(local, lowered(threshold, priors.risen)), local).astype(
        np.float32
    )


def risen(
    baseline: SeenLesions,
    logit: Volume,
    threshold: float,
    prior: float,
    spacing: tuple[float, float, float],
    settings: ChangeSettings,
) -> Mask:
    """Pieces of tissue that the lowered threshold would call lesion and whose logit rose since the baseline.

    Args:
        baseline: on the grid of the follow-up.
        logit: float32 (Z, Y, X), lesion logit of the follow-up on the same grid.
        threshold: of the softmax, as the model card says.
        prior: by how much the logit of the threshold is lower.
        spacing: voxel size in mm, (x, y, z).
        settings: how far a border may be displaced, and below which volume nothing is believed.

    Returns:
        bool (Z, Y, X).
    """
    least = log(threshold / (1 - threshold))
    shift = systematic_shift(baseline.labels > 0, logit >= least, baseline.logit, logit)
    reach = settings.reach(spacing)
    highest = ndimage.maximum_filter(baseline.highest_logit, footprint=reach, mode="nearest")
    rise = logit - highest - max(shift, 0.0)
    pieces, count = ndimage.label((rise >= RISEN_LOGIT) & (logit >= least - prior), EVERY_NEIGHBOUR)
    large = np.bincount(pieces.ravel(), minlength=count + 1) * np.prod(spacing) >= settings.smallest_mm3
    large[0] = False
    found: Mask = large[pieces]
    return found
