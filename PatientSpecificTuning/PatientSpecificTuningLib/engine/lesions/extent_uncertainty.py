"""How much the extent of each lesion differs between a result and its dropout samples.

One minus the mean intersection over union of the lesion in the result and in the samples: the lesion-scale structural
uncertainty of Molchanova et al. (2025, Medical Image Analysis), with what a sample finds near the lesion, nearer to it
than to any other, as the lesion in the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .lesions import box_of

# How far beyond its border what a sample finds counts to a lesion.
REACH_MM = 4.0


def lesion_zones(labels: NDArray[np.integer], sampling: Sequence[float]) -> NDArray[np.int32]:
    """The number of the nearest lesion within reach of each voxel, int32 (Z, Y, X), 0 where there is none.

    Args:
        labels: int (Z, Y, X), numbered lesions.
        sampling: voxel size in mm, (z, y, x).
    """
    zones = np.zeros(labels.shape, dtype=np.int32)
    near = box_of(labels > 0, [ceil(REACH_MM / size) for size in sampling])
    if near is None:
        return zones
    inside = labels[near]
    distance, nearest = ndimage.distance_transform_edt(inside == 0, sampling=sampling, return_indices=True)
    zones[near] = np.where(distance <= REACH_MM, inside[tuple(nearest)], 0)
    return zones


class ExtentCounter:
    """Counts, for every sample and lesion, the voxels in both and in either, as the samples come."""

    def __init__(self, zones: NDArray[np.int32], lesions: int, threshold: float, repetitions: int) -> None:
        """Begin to count.

        Args:
            zones: (rows,), the lesion whose zone each voxel of the organ lies in, 0 for none.
            lesions: how many there are.
            threshold: softmax from which a voxel is a lesion.
            repetitions: how many samples there will be.
        """
        self.zones, self.threshold, self.lesions = zones, threshold, lesions
        self.both = np.zeros((repetitions, lesions + 1), dtype=np.int64)
        self.either = np.zeros_like(self.both)

    def add(
        self, rows: NDArray[np.integer], plain: NDArray[np.floating], samples: NDArray[np.floating]
    ) -> None:
        """Count some voxels.

        Args:
            rows: (voxels,), which they are.
            plain: (voxels,), their softmax without dropout.
            samples: (repetitions, voxels), their softmax in every sample; (1, voxels) where all are alike.
        """
        near = self.zones[rows] > 0
        zones, reference = self.zones[rows][near], plain[near] >= self.threshold
        found = samples[:, near] >= self.threshold
        size = self.lesions + 1
        self.both += [np.bincount(zones[sample & reference], minlength=size) for sample in found]
        self.either += [np.bincount(zones[sample | reference], minlength=size) for sample in found]

    def uncertainty(self) -> NDArray[np.float64]:
        """Of each lesion, by its number from 1, 0 to 1; nan where no voxel of the organ is from the threshold on."""
        both, either = self.both[:, 1:], self.either[:, 1:]
        seen = (either > 0).all(axis=0)
        agreement = (both / np.maximum(either, 1)).mean(axis=0)
        return np.where(seen, 1 - agreement, np.nan)
