"""How probable it is that a difference between two examinations is more than repeated measurement would show.

Two quantities are tested, each against its own standard deviation under repetition:

- the lesion logit inside tissue that is lesion in one examination only, against the highest logit that the other one
  shows within the error of the border, so that a displaced border is no change; where the images show it too, together
  with the difference of their brightness;
- the difference of two volumes, whose error is the surface of both lesions times the error of their border.

A normal tail gives the chance that one lesion shows so much without change, and the number of lesions that were
looked at gives the chance that any of them does: the probability of a change is one minus that.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ChangeSettings:
    """What counts as change; every value stands in the report.

    Attributes:
        sure_probability: a change is sure from this probability on.
        smallest_mm3: tissue below this volume is never a sure change.
        growth: relative difference of volume from which a lesion is called grown or shrunk, surely or not.
        border_error_mm: how far registration and partial volume may displace a border; at least one voxel.
        repeat_logit_sd: standard deviation of the lesion logit between two scans of an unchanged patient, beside
            what dropout says. Measured on real scans that were turned, blurred, shaded and made noisier.
        repeat_excess_sd: standard deviation of the logit's excess, which these assume to be 1, in 136 pieces of lesions
            beyond the border between twelve pairs of such scans.
        repeat_brightness: mean brightening of the same pieces in standard deviations of the noise of a voxel; not 0,
            since they are where one scan shows a lesion and the other does not.
        repeat_brightness_sd: its standard deviation.
        repeat_correlation: how far both move together.
        repeat_border_mm: standard deviation of the mean position of a lesion's border between two such scans.
        drawn_border: by how much the latter is larger where a person drew one of the two lesions.
    """

    sure_probability: float = 0.95
    smallest_mm3: float = 10.0
    growth: float = 0.3
    border_error_mm: float = 1.0
    repeat_logit_sd: float = 1.2
    repeat_excess_sd: float = 0.77
    repeat_brightness: float = 1.7
    repeat_brightness_sd: float = 1.2
    repeat_correlation: float = 0.5
    repeat_border_mm: float = 0.35
    drawn_border: float = 2.0

    def reach(self, spacing: tuple[float, float, float]) -> Mask:
        """The neighbours within the error of the border, bool (Z, Y, X), every size odd and from three voxels on."""
        steps = [max(1, round(self.border_error_mm / size)) for size in spacing[::-1]]
        offsets = np.meshgrid(*[np.arange(-n, n + 1) / n for n in steps], indexing="ij")
        # With one step the whole cube of neighbours counts, with more a ball.
        limit = [np.abs(o) <= 1 if n == 1 else None for o, n in zip(offsets, steps, strict=True)]
        ball = sum(o**2 for o, n in zip(offsets, steps, strict=True) if n > 1)
        inside = (
            np.ones(offsets[0].shape, dtype=bool) if all(n == 1 for n in steps) else np.asarray(ball) <= 1.01
        )
        for part in limit:
            if part is not None:
                inside &= part
        return inside


def chance(excess: float, looked_at: int) -> float:
    """Probability that a difference is real.

    Args:
        excess: the difference in standard deviations of repeated measurement.
        looked_at: number of lesions that were looked at.
    """
    below = erfc(-excess / sqrt(2)) / 2
    return below ** max(1, looked_at)


def logit_excess(
    region: Mask,
    seen: Volume,
    other: Volume,
    seen_sd: Volume,
    other_sd: Volume,
    reach: Mask,
    settings: ChangeSettings,
    *,
    shift: float = 0.0,
) -> float:
    """How many standard deviations the mean logit of a region lies above the other examination's.

    Args:
        region: bool (Z, Y, X), tissue that is lesion in the examination seen.
        seen: lesion logit of that examination.
        other: lesion logit of the other one, on the same grid.
        seen_sd: standard deviation of `seen` under dropout.
        other_sd: the same of `other`.
        shift: by how much all lesions are brighter to the CNN in the examination seen.
    """
    highest = ndimage.maximum_filter(other, footprint=reach, mode="nearest")
    gain = float(np.mean(seen[region] - highest[region]))
    dropout = float(np.mean(seen_sd[region] ** 2 + other_sd[region] ** 2))
    return (gain - max(shift, 0.0)) / sqrt(settings.repeat_logit_sd**2 + dropout)


def joint_excess(by_logit: float, brightening: float, settings: ChangeSettings) -> float:
    """How many standard deviations logit and brightness of a region exceed repeated measurement together.

    Both are added as correlated normal variables of the mean and spread that pieces without change have. Brightness
    alone is no lesion, so it counts for twice the logit at most; and an image that shows nothing takes nothing away.

    Args:
        by_logit: as `logit_excess` gives it.
        brightening: mean of the region, in standard deviations of the noise of a voxel.
    """
    logit = by_logit / settings.repeat_excess_sd
    brightness = (brightening - settings.repeat_brightness) / settings.repeat_brightness_sd
    together = logit + min(brightness, 2 * logit)
    return max(by_logit, together / sqrt(2 * (1 + settings.repeat_correlation)))


def systematic_shift(first: Mask, second: Mask, first_logit: Volume, second_logit: Volume) -> float:
    """By how much lesions of both examinations have a higher logit in the second one, as another scanner makes it.

    Args:
        first: bool (Z, Y, X), lesions of the first examination.
        second: bool (Z, Y, X), lesions of the second one on the same grid.
    """
    both = first & second
    return float(np.median(second_logit[both] - first_logit[both])) if both.any() else 0.0


def surface_mm2(lesion: Mask, spacing: tuple[float, float, float]) -> float:
    """Surface of a lesion in mm2, as the faces between its voxels and others, less what their steps add."""
    padded = np.pad(lesion, 1)
    x, y, z = spacing
    faces = [x * y, x * z, y * z]
    area = sum(face * np.count_nonzero(np.diff(padded, axis=axis)) for axis, face in enumerate(faces))
    # A sphere of voxels has one and a half times the surface of a sphere.
    return float(area) / 1.5


def volume_sd(surfaces_mm2: tuple[float, float], settings: ChangeSettings, *, drawn: bool = False) -> float:
    """Standard deviation that repeated measurement gives the difference of two volumes, mm3.

    Args:
        drawn: whether a person drew one of the two lesions.
    """
    border = settings.repeat_border_mm * (settings.drawn_border if drawn else 1.0)
    return border * float(np.hypot(*surfaces_mm2))
