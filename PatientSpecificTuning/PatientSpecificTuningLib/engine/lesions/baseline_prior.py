"""What the baseline says of the follow-up before anybody looks: two bounded priors that can hide nothing.

Where the baseline had a lesion, less evidence is needed for one at follow-up (`LesionPriors.kept`); and where the CNN
is surer of a lesion than it was at baseline and the image is brighter, both beyond what repeated measurement shows, less
is needed for a new one (`LesionPriors.risen`). Both lower the threshold there and raise it nowhere. Thresholding,
closing and opening only ever gain voxels from that, so every voxel that is lesion without a prior is lesion with it,
whatever the baseline shows. What they can do is keep a lesion that has gone and believe in one that is none, so they are
bounded, and the first is off by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..case.case import Case
from ..case.layout import EXAMINATIONS
from ..errors import InputError
from .brightening import BRIGHT_IN
from .change import SeenLesions
from .change_evidence import ChangeSettings
from .change_evidence import systematic_shift
from .lesions import EVERY_NEIGHBOUR
from .lesions import box_of

# More than this would make a lesion of what the CNN calls background with a probability of 98 %.
LARGEST_PRIOR = 4.0
# Tissue has risen where the logit lies so far above the highest one that the baseline shows within the error of the
# border, and where the image is brighter by so many standard deviations of its noise. In scans of two patients that
# were taken again and brought together not quite exactly (12 pairs) no piece of 10 mm3 rose as much in both.
RISEN_LOGIT, RISEN_BRIGHTNESS = 3.0, 4.0
# Of new lesions where nobody asks for another, for models that see a sequence in which lesions are bright.
NEW_LESION_PRIOR = 4.0

Mask = NDArray[np.bool_]
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class LesionPriors:
    """By how much the logit of the threshold is lower, 0 for not at all.

    Attributes:
        kept: inside the lesions of the baseline.
        risen: where logit and brightness have risen since the baseline by more than repeated measurement would show.

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


def priors_for(case: Case, examination: str, kept: float, risen: float | None) -> LesionPriors:
    """The priors of an examination of a case.

    Args:
        risen: None for what is best: `NEW_LESION_PRIOR` where both examinations show an image of bright lesions.

    Raises:
        InputError: one is out of bounds, or is asked for where the case has nothing that it could go by.
    """
    compared = examination == "followup" and "baseline" in case.examinations
    bright = compared and all(set(BRIGHT_IN) & set(case.record(e).sequences) for e in EXAMINATIONS)
    if (kept or risen) and not compared:
        message = "A prior from the baseline is for a follow-up whose baseline is in the case; leave it out."
        raise InputError(message)
    if risen and not bright:
        message = f"A prior of new lesions needs {' or '.join(BRIGHT_IN)} of both examinations; leave it out."
        raise InputError(message)
    if risen is None:
        risen = NEW_LESION_PRIOR if bright else 0.0
    return LesionPriors(kept, risen)


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
    local = np.full(baseline_lesions.shape, threshold, dtype=np.float32)
    local[baseline_lesions] = lowered(threshold, priors.kept)
    local[risen_tissue] = np.minimum(local[risen_tissue], np.float32(lowered(threshold, priors.risen)))
    return local


def risen(
    baseline: SeenLesions,
    logit: Volume,
    brightened: Volume,
    threshold: float,
    prior: float,
    spacing: tuple[float, float, float],
    settings: ChangeSettings,
) -> Mask:
    """Pieces of tissue that the lowered threshold would call lesion and that rose in logit and brightness.

    Args:
        baseline: on the grid of the follow-up.
        logit: float32 (Z, Y, X), lesion logit of the follow-up on the same grid.
        brightened: float32 (Z, Y, X), see `brightening`.
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
    possible = (brightened >= RISEN_BRIGHTNESS) & (logit >= least - prior)
    found: Mask = np.zeros_like(possible)
    # Wide enough for all that lies within reach.
    if (box := box_of(possible, [size // 2 for size in reach.shape])) is None:
        return found
    highest = ndimage.maximum_filter(baseline.highest_logit[box], footprint=reach, mode="nearest")
    rise = logit[box] - highest - max(shift, 0.0)
    pieces, count = ndimage.label((rise >= RISEN_LOGIT) & possible[box], EVERY_NEIGHBOUR)
    large = np.bincount(pieces.ravel(), minlength=count + 1) * np.prod(spacing) >= settings.smallest_mm3
    large[0] = False
    found[box] = large[pieces]
    return found
