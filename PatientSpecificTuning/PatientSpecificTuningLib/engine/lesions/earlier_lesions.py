"""What the baseline shows, brought onto the grid of the follow-up, so that the two can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..case.annotation import load_tuned_annotation
from ..case.case import Case
from ..images.geometry import Grid
from ..images.geometry import resample
from ..images.geometry import resample_labelmap
from ..model.card import ModelCard
from ..network.device import on_best_device
from ..network.prepared import PreparedExamination
from ..network.prepared import open_examination
from ..progress import Progress
from ..progress import within
from .alignment import Alignment
from .alignment import alignment_of
from .change import SeenLesions
from .lesions import binarize
from .lesions import label_lesions
from .lesions import numbers_in

if TYPE_CHECKING:
    from ..network.network import Head

# Beyond this the softmax says no more than that it is certain.
LARGEST_LOGIT = 8.0
CERTAIN_LOGIT = 4.0


@dataclass(frozen=True)
class EarlierLesions:
    """The baseline's lesions on the follow-up's user grid.

    Attributes:
        mask: bool (Z, Y, X), a voxel belongs to a lesion when at least half of it does.
        seen: labels, volumes, logits.
        alignment: what brought them there.
        examination: where they were found.
    """

    mask: NDArray[np.bool_]
    seen: SeenLesions
    alignment: Alignment
    examination: PreparedExamination


def lesion_logit(probability: NDArray[np.floating]) -> NDArray[np.float32]:
    """Logit of a lesion softmax, float32, kept between -8 and 8."""
    edge = 1 / (1 + np.exp(LARGEST_LOGIT))
    logit = np.full(probability.shape, -LARGEST_LOGIT, dtype=np.float32)
    # Most of a volume is certain.
    possible = probability > edge
    inside = np.minimum(probability[possible].astype(np.float64), 1 - edge)
    logit[possible] = np.log(inside / (1 - inside))
    return logit


def earlier_lesions(
    case: Case,
    head: Head,
    card: ModelCard,
    grid: Grid,
    tuned: str | None,
    *,
    progress: Progress | None = None,
) -> EarlierLesions:
    """Find the lesions of the baseline and bring them onto a grid of the follow-up.

    The same head finds them, so that change is not a matter of two CNNs; corrected slices are taken as corrected.

    Args:
        grid: the user's grid of the follow-up.
        tuned: number of the tuned version that the head belongs to, None for the base.
    """
    from .uncertainty import predict_with_deviation

    baseline = open_examination(case, "baseline")
    store, reporting = baseline.features(), within(progress, "baseline")
    probability, deviation = on_best_device(
        lambda d: predict_with_deviation(head, store, device=d, progress=reporting)
    )
    lesions = binarize(probability, baseline.organ_mask, card.post_processing)
    logit, drawn = lesion_logit(probability), np.zeros_like(lesions)
    if tuned is not None:
        annotation = load_tuned_annotation(case, tuned)
        slices = list(annotation.slices)
        lesions[slices] = annotation.labels[slices]
        drawn[slices] = annotation.labels[slices]
    own, alignment = baseline.record.working_grid, alignment_of(case, progress=progress)
    labels = label_lesions(lesions)
    moved = [
        sitk.GetArrayFromImage(
            resample(own.image(values), grid, transform=alignment.transform, background=low)
        )
        for values, low in (
            (logit, -LARGEST_LOGIT),
            (np.where(drawn | ~baseline.organ_mask, CERTAIN_LOGIT, logit), CERTAIN_LOGIT),
            (deviation, 0.0),
        )
    ]
    mask = resample_labelmap(own.image(lesions.astype(np.uint8)), grid, alignment.transform)
    seen = SeenLesions(
        labels=labels_on_grid(labels, own, grid, alignment.transform),
        volumes_mm3=lesion_volumes(labels, own),
        logit=moved[0],
        highest_logit=moved[1],
        logit_sd=moved[2],
        drawn=frozenset(numbers_in(labels[drawn])),
    )
    return EarlierLesions(sitk.GetArrayFromImage(mask) > 0, seen, alignment, baseline)


def lesion_volumes(labels: NDArray[np.integer], grid: Grid) -> dict[int, float]:
    """Volume in mm3 of every lesion by its number."""
    numbers, counts = np.unique(labels[labels > 0], return_counts=True)
    return {int(n): float(c * grid.voxel_volume_mm3) for n, c in zip(numbers, counts, strict=True)}


def labels_on_grid(
    labels: NDArray[np.int32], own: Grid, grid: Grid, transform: sitk.Transform
) -> NDArray[np.int32]:
    """Numbered lesions on another grid; one that falls between its voxels keeps the nearest one.

    Args:
        labels: int32 (Z, Y, X) on `own`.
        transform: from points of `grid` to points of `own`.

    Returns:
        int32 (Z, Y, X) on `grid`; lesions outside of it are lost.
    """
    resampled = resample(own.image(labels), grid, interpolation="nearest", transform=transform)
    moved: NDArray[np.int32] = sitk.GetArrayFromImage(resampled)
    lost = sorted(set(numbers_in(labels)) - set(numbers_in(moved)))
    if not lost:
        return moved
    back = _inverse(transform)
    source, target = own.image(labels), grid.image(moved)
    for number, centre in zip(lost, ndimage.center_of_mass(labels > 0, labels, lost), strict=True):
        point = source.TransformContinuousIndexToPhysicalPoint([float(value) for value in centre[::-1]])
        index = target.TransformPhysicalPointToIndex(back.TransformPoint(point))[::-1]
        if all(0 <= i < n for i, n in zip(index, moved.shape, strict=True)) and moved[index] == 0:
            moved[index] = number
    return moved


def _inverse(transform: sitk.Transform) -> sitk.Transform:
    try:
        return transform.GetInverse()
    except RuntimeError:
        return sitk.Transform(3, sitk.sitkIdentity)
