"""How well a segmentation or detection agrees with a reference.

Definitions are those of the WMH Segmentation Challenge (Kuijf et al., IEEE TMI 2019) and of the paper
("Experiments"). What is undefined is None, never 0, 1 or an exception:

| case | Dice | AVD | HD95 | recall | F1 |
|---|---|---|---|---|---|
| both empty | None | None | None | None | None |
| reference empty | 0 | None | None | None | 0 |
| prediction empty | 0 | 100 | None | 0 | 0 |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Mask = NDArray[np.bool_]
EVERY_NEIGHBOUR = np.ones((3, 3, 3), dtype=int)


@dataclass(frozen=True)
class SegmentationMetrics:
    """Agreement of two segmentations.

    Attributes:
        dice: 2 |X and Y| / (|X| + |Y|).
        avd: absolute volume difference in per cent of the reference volume.
        hd95: modified Hausdorff distance in mm, the larger of the two directed 95th percentiles.
        recall: part of the reference lesions that is hit by at least one voxel (lesion TPR).
        f1: harmonic mean of recall and of the part of predicted lesions that hits a reference lesion.
    """

    dice: float | None
    avd: float | None
    hd95: float | None
    recall: float | None
    f1: float | None

    def as_dict(self) -> dict[str, float | None]:
        """Values by name, None where undefined."""
        return asdict(self)


@dataclass(frozen=True)
class DetectionMetrics:
    """Agreement of two sets of 26-connected objects; any overlap is a hit.

    Attributes:
        tpr: found reference lesions / all reference lesions.
        false_positives: predicted objects that overlap no reference lesion.
        f1: harmonic mean of `tpr` and the part of predicted objects that overlap a reference lesion.
        found: number of reference lesions that were found.
        missed: number of reference lesions that were missed.
    """

    tpr: float | None
    false_positives: int
    f1: float | None
    found: int
    missed: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Values by name, None where undefined."""
        return asdict(self)


def segmentation_metrics(
    reference: Mask,
    prediction: Mask,
    spacing: tuple[float, float, float],
    *,
    slices: Sequence[int] | None = None,
) -> SegmentationMetrics:
    """Metrics of the WMH challenge.

    Args:
        reference: bool (Z, Y, X).
        prediction: bool (Z, Y, X).
        spacing: voxel size in mm, (x, y, z).
        slices: judge these slices only, None for all.
    """
    reference, prediction = _on_slices(reference, slices), _on_slices(prediction, slices)
    detection = detection_metrics(reference, prediction)
    return SegmentationMetrics(
        dice=dice(reference, prediction),
        avd=absolute_volume_difference(reference, prediction),
        hd95=hausdorff_95(reference, prediction, spacing),
        recall=detection.tpr,
        f1=detection.f1,
    )


def dice(reference: Mask, prediction: Mask) -> float | None:
    """Dice similarity coefficient; None when both masks are empty."""
    total = int(np.count_nonzero(reference)) + int(np.count_nonzero(prediction))
    return 2 * int(np.count_nonzero(reference & prediction)) / total if total else None


def absolute_volume_difference(reference: Mask, prediction: Mask) -> float | None:
    """|V(prediction) - V(reference)| / V(reference) in per cent; None without reference."""
    volume = int(np.count_nonzero(reference))
    return abs(int(np.count_nonzero(prediction)) - volume) / volume * 100 if volume else None


def hausdorff_95(reference: Mask, prediction: Mask, spacing: tuple[float, float, float]) -> float | None:
    """Larger of the two directed 95th percentiles of surface distances in mm; None when a mask is empty.

    As in the challenge, a surface voxel is one that an in-plane 3 x 3 erosion removes, and the image border is
    no surface.
    """
    if not reference.any() or not prediction.any():
        return None
    surfaces = [np.argwhere(_in_plane_edge(mask)) * spacing[::-1] for mask in (reference, prediction)]
    if not all(len(points) for points in surfaces):
        return None
    first, second = surfaces
    distances = (cKDTree(first).query(second)[0], cKDTree(second).query(first)[0])
    return float(max(np.percentile(distance, 95) for distance in distances))


def detection_metrics(
    reference: Mask, prediction: Mask, *, slices: Sequence[int] | None = None
) -> DetectionMetrics:
    """TPR, false positive objects and F1 (paper, "Liver metastases detection").

    Hits are counted from both sides, reference lesions for the TPR and predicted objects for the precision, since
    one object may cover several lesions and the reverse.

    Args:
        reference: bool (Z, Y, X).
        prediction: bool (Z, Y, X).
        slices: judge these slices only, None for all.
    """
    reference, prediction = _on_slices(reference, slices), _on_slices(prediction, slices)
    lesions, found = _count_hits(reference, prediction)
    objects, hits = _count_hits(prediction, reference)
    tpr = found / lesions if lesions else None
    if not lesions and not objects:
        f1 = None
    elif not found:
        f1 = 0.0
    else:
        recall, precision = found / lesions, hits / objects
        f1 = 2 * recall * precision / (recall + precision)
    return DetectionMetrics(tpr, objects - hits, f1, found, lesions - found)


def _count_hits(objects: Mask, others: Mask) -> tuple[int, int]:
    """Number of 26-connected objects, and of those that share a voxel with `others`."""
    components, count = ndimage.label(objects, structure=EVERY_NEIGHBOUR)
    return count, int(np.unique(components[objects & others]).size)


def _in_plane_edge(mask: Mask) -> Mask:
    square = np.ones((1, 3, 3), dtype=bool)
    return mask & ~ndimage.binary_erosion(mask, structure=square, border_value=1)


def _on_slices(mask: Mask, slices: Sequence[int] | None) -> Mask:
    mask = np.asarray(mask, dtype=bool)
    if slices is None:
        return mask
    kept = np.zeros_like(mask)
    kept[list(slices)] = mask[list(slices)]
    return kept
