"""What the images of both examinations show, whatever the CNN: found once, since fine-tuning changes nothing of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..images.geometry import Grid
from ..images.geometry import resample
from ..images.geometry import resample_labelmap
from ..model.card import ModelCard
from ..network.prepared import IMAGES
from ..network.prepared import ORGAN_MASK
from ..network.prepared import PreparedExamination
from .brightening import bright_channel
from .brightening import brightening

# A linear transform is known by where it brings these.
_POINTS = ((0.0, 0.0, 0.0), (100.0, 0.0, 0.0), (0.0, 100.0, 0.0), (0.0, 0.0, 100.0))


@dataclass(frozen=True)
class BothImages:
    """Arrays (Z, Y, X) on the follow-up's user grid, not to be written to.

    Attributes:
        organ: bool, where the follow-up shows the organ.
        brightened: float32, see `brightening`; None where the model sees no image in which lesions are bright.
    """

    organ: NDArray[np.bool_]
    brightened: NDArray[np.float32] | None


# Of the last pair only: a second and the memory of a volume.
_last: tuple[Hashable, BothImages] | None = None


def images_of_both(
    card: ModelCard, baseline: PreparedExamination, followup: PreparedExamination, transform: sitk.Transform
) -> BothImages:
    """Compare the images of a patient's examinations, or remember them from the last time.

    Args:
        transform: from points of the follow-up to points of the baseline, linear.
    """
    global _last
    channel, moved = bright_channel(card), tuple(transform.TransformPoint(point) for point in _POINTS)
    key = channel, moved, _identity(baseline), _identity(followup)
    last = _last
    if last is not None and last[0] == key:
        return last[1]
    grid = followup.record.user_grid
    organ, brightened = _organ(followup, grid), None
    if channel is not None:
        before = _brightness(baseline, channel, _organ(baseline, grid, transform), grid, transform)
        x, y, z = grid.spacing
        brightened = brightening(before, _brightness(followup, channel, organ, grid), (x, y, z))
        brightened.flags.writeable = False
    organ.flags.writeable = False
    found = BothImages(organ, brightened)
    _last = key, found
    return found


def _identity(examination: PreparedExamination) -> Hashable:
    """Tells an examination from any other, and from what replaced its files."""
    files = [(examination.folder / name).stat() for name in (IMAGES, ORGAN_MASK)]
    states = tuple((file.st_ino, file.st_mtime_ns, file.st_size) for file in files)
    grids = examination.record.working_grid, examination.record.user_grid
    return Path(examination.folder).resolve(), states, grids


def _organ(
    examination: PreparedExamination, grid: Grid, transform: sitk.Transform | None = None
) -> NDArray[np.bool_]:
    own = examination.record.working_grid.image(examination.organ_mask.astype(np.uint8))
    shown: NDArray[np.bool_] = sitk.GetArrayFromImage(resample_labelmap(own, grid, transform)) > 0
    return shown


def _brightness(
    examination: PreparedExamination,
    channel: int,
    organ: NDArray[np.bool_],
    grid: Grid,
    transform: sitk.Transform | None = None,
) -> NDArray[np.float32]:
    """The image in which lesions are bright, nan outside the organ."""
    own = examination.record.working_grid.image(np.asarray(examination.images[channel]))
    image = sitk.GetArrayFromImage(resample(own, grid, transform=transform))
    return np.where(organ, image, np.float32(np.nan))
