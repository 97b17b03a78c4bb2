"""Pixel weights of fine-tuning: by how the base CNN did on the baseline (paper, "Weighting"), or by lesion size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..lesions.lesions import EVERY_NEIGHBOUR

WRONG, FOUND, BACKGROUND = 5.0, 2.0, 1.0
MISSED_LESION, IGNORED = 5.0, 0.0
# Of the lesion-wise weights: weight of a spot's pixels ~ 1 / area ** EXPONENT, within these factors of the mean.
EXPONENT, LEAST_FACTOR, LARGEST_FACTOR = 0.5, 0.25, 4.0
IN_PLANE = np.zeros((3, 3, 3), dtype=int)
IN_PLANE[1] = 1


def weight_map(
    labels: NDArray[np.bool_], base_prediction: NDArray[np.bool_], scheme: str
) -> NDArray[np.float32]:
    """Weight of every voxel in the loss.

    "segmentation": false positive and false negative voxels 5, true positives 2, true negatives 1.

    "detection", where objects are 26-connected and any overlap is a hit: voxels of missed lesions 5, true positive
    voxels of detected lesions 2, false negative voxels of detected lesions and false positive voxels of objects
    that touch a lesion 0, background and false positive objects 1.

    Args:
        labels: bool (Z, Y, X), lesions of the baseline.
        base_prediction: bool (Z, Y, X), what the base CNN found there.
        scheme: "segmentation" or "detection".

    Returns:
        float32 (Z, Y, X).

    Raises:
        InputError: unknown scheme.
    """
    if scheme == "segmentation":
        return _segmentation_weights(labels, base_prediction)
    if scheme == "detection":
        return _detection_weights(labels, base_prediction)
    message = f"The weighting {scheme!r} is not known; use segmentation or detection."
    raise InputError(message)


def lesion_wise_weights(
    labels: NDArray[np.bool_], slices: Sequence[int], class_weights: tuple[float, float]
) -> NDArray[np.float32]:
    """Weight of every voxel, where small lesions count for more and large ones for less.

    The weight of a lesion's pixels falls with the square root of its area, between a loss that counts pixels, in which
    large lesions are all that matters, and one that counts lesions (inverse weighting: Shirokikh et al., MICCAI 2020).
    It is bounded, and its mean over all lesion pixels of the corrected slices stays the class weight of lesions, so
    that lesions together weigh no more against the background than without it. A lesion is what is connected within
    one slice, since nothing is known of the slices beside it.

    Args:
        labels: bool (Z, Y, X), lesions of the baseline.
        slices: the corrected slices; only these count.
        class_weights: of background and lesion, as the model card says.

    Returns:
        float32 (Z, Y, X); lesions of other slices have the class weight.
    """
    background, lesion = class_weights
    weights = np.where(labels, lesion, background).astype(np.float32)
    corrected = np.zeros_like(labels)
    corrected[list(slices)] = labels[list(slices)]
    spots, count = ndimage.label(corrected, structure=IN_PLANE)
    if count == 0:
        return weights
    areas = np.bincount(spots.ravel(), minlength=count + 1)[1:]
    factors = areas.astype(np.float64) ** -EXPONENT
    factors = np.clip(factors / np.average(factors, weights=areas), LEAST_FACTOR, LARGEST_FACTOR)
    factors /= np.average(factors, weights=areas)
    weights[corrected] = lesion * factors[spots[corrected] - 1]
    return weights


def _segmentation_weights(labels: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> NDArray[np.float32]:
    weights = np.where(labels == prediction, BACKGROUND, WRONG)
    return np.where(labels & prediction, FOUND, weights).astype(np.float32)


def _detection_weights(labels: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> NDArray[np.float32]:
    detected = _objects_that_meet(labels, prediction)
    attached = _objects_that_meet(prediction, labels)
    weights = np.full(labels.shape, BACKGROUND, dtype=np.float32)
    weights[labels & ~detected] = MISSED_LESION
    weights[detected & ~prediction] = IGNORED
    weights[attached & ~labels] = IGNORED
    weights[labels & prediction] = FOUND
    return weights


def _objects_that_meet(objects: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of the 26-connected objects that share a voxel with `others`."""
    components, count = ndimage.label(objects, structure=EVERY_NEIGHBOUR)
    meets = np.zeros(count + 1, dtype=bool)
    meets[np.unique(components[others & objects])] = True
    meets[0] = False
    return meets[components]
