"""How well a segmentation or detection agrees with a reference.

Definitions are those of the WMH Segmentation Challenge (Kuijf et al., IEEE TMI 2019) and of the paper
("Experiments"). What is undefined is None, never 0, 1 or an exception:

| case | Dice | AVD | HD95 | recall (TPR) | F1 | FPC |
|---|---|---|---|---|---|---|
| both empty | None | None | None | None | None | 0 |
| reference empty | 0 | None | None | None | 0 | objects |
| prediction empty | 0 | 100 | None | 0 | 0 | 0 |
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .detection import Match
from .detection import match_lesions

Mask = NDArray[np.bool_]
SMALL_LESION_MM3 = 1000.0


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
    """Agreement of two sets of 26-connected objects; any overlap is a hit (paper, "Liver metastases detection").

    Attributes:
        tpr: found reference lesions / all reference lesions.
        fpc: predicted objects that overlap no reference lesion, the false positives of this case.
        f1: harmonic mean of `tpr` and of the part of predicted objects that overlap a reference lesion.
        dice: 2 |X and Y| / (|X| + |Y|).
        tpr_small: `tpr` of the reference lesions below 1.0 cm3.
        tpr_large: `tpr` of the reference lesions from 1.0 cm3 on.
    """

    tpr: float | None
    fpc: int
    f1: float | None
    dice: float | None
    tpr_small: float | None
    tpr_large: float | None

    def as_dict(self) -> dict[str, float | None]:
        """Values by name, None where undefined."""
        return asdict(self)


METRICS_OF_TASK = {"segmentation": SegmentationMetrics, "detection": DetectionMetrics}


def metric_names(task: str) -> tuple[str, ...]:
    """Names of the metrics that judge a model for "segmentation" or "detection"."""
    return tuple(field.name for field in fields(METRICS_OF_TASK[task]))


def task_metrics(
    task: str,
    reference: Mask,
    prediction: Mask,
    spacing: tuple[float, float, float],
    *,
    slices: Sequence[int] | None = None,
) -> dict[str, float | None]:
    """Metrics of a model for "segmentation" or "detection", by name; arguments as `segmentation_metrics`."""
    judge = segmentation_metrics if task == "segmentation" else detection_metrics
    return judge(reference, prediction, spacing, slices=slices).as_dict()


def summarize(cases: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Median and quartiles of every metric over several cases, as the paper reports detection.

    Cases in which a metric is undefined do not count for it; `cases` says how many do.
    """
    names = dict.fromkeys(name for values in cases for name in values)
    return {name: _quartiles([v for c in cases if (v := c.get(name)) is not None]) for name in names}


def _quartiles(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "q1": None, "q3": None, "cases": 0}
    q1, median, q3 = (float(value) for value in np.percentile(values, (25, 50, 75)))
    return {"median": median, "q1": q1, "q3": q3, "cases": len(values)}


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
    match = match_lesions(reference, prediction)
    return SegmentationMetrics(
        dice=dice(reference, prediction),
        avd=absolute_volume_difference(reference, prediction),
        hd95=hausdorff_95(reference, prediction, spacing),
        recall=_part(match.found),
        f1=_f1(match),
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
    reference: Mask,
    prediction: Mask,
    spacing: tuple[float, float, float],
    *,
    slices: Sequence[int] | None = None,
) -> DetectionMetrics:
    """TPR, false positive objects and F1, with small and large lesions apart (paper, "Liver metastases detection").

    Hits are counted from both sides, reference lesions for the TPR and predicted objects for the precision, since
    one object may cover several lesions and the reverse.

    Args:
        reference: bool (Z, Y, X).
        prediction: bool (Z, Y, X), closed and opened as the model card says.
        spacing: voxel size in mm, (x, y, z).
        slices: judge these slices only, None for all; a lesion is then what these slices show of it.
    """
    reference, prediction = _on_slices(reference, slices), _on_slices(prediction, slices)
    match = match_lesions(reference, prediction)
    small = match.lesion_voxels * float(np.prod(spacing)) < SMALL_LESION_MM3
    return DetectionMetrics(
        tpr=_part(match.found),
        fpc=int(np.count_nonzero(~match.hits)),
        f1=_f1(match),
        dice=dice(reference, prediction),
        tpr_small=_part(match.found[small]),
        tpr_large=_part(match.found[~small]),
    )


def _part(true: Mask) -> float | None:
    """Part of the values that are true; None when there are none."""
    return float(true.mean()) if true.size else None


def _f1(match: Match) -> float | None:
    """Harmonic mean of recall and precision; None when there is neither a lesion nor an object."""
    if not match.found.size and not match.hits.size:
        return None
    if not match.found.any():
        return 0.0
    recall, precision = float(match.found.mean()), float(match.hits.mean())
    return 2 * recall * precision / (recall + precision)


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
