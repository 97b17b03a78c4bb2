"""What is measured in one follow-up: agreement with the known lesions, every lesion, and the uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..images.geometry import Grid
from ..images.geometry import resample_labelmap
from ..images.geometry import return_to_user_grid
from ..images.volumes import read_labelmap
from ..judging.detection import Match
from ..judging.detection import match_lesions
from ..judging.metrics import task_metrics
from ..lesions.lesions import label_lesions
from ..model.card import TASKS


@dataclass(frozen=True)
class FollowupLesions:
    """What one CNN found in a follow-up, (Z, Y, X) on its working grid.

    Attributes:
        deviation: of the softmax, None without dropout.
        extent: uncertainty of the extent of each lesion, numbered as `label_lesions` does on the working grid; None
            without dropout.
    """

    lesions: NDArray[np.bool_]
    deviation: NDArray[np.float32] | None
    extent: NDArray[np.float64] | None
    working_grid: Grid
    user_grid: Grid


def followup_measures(found: FollowupLesions, reference: Path) -> dict[str, Any]:
    """All figures of one follow-up, by the measures of both tasks, on the grid of the user's images.

    Args:
        reference: labelmap of the known lesions, on any grid.

    Returns:
        "metrics" by name, None where undefined; "lesions", volume and fate of every known lesion; volumes in ml;
        "uncertainty" (paper, "Uncertainty of CNN"), None without dropout; "objects", for every lesion found whether it
        is true and how uncertain it is, none without dropout.

    Raises:
        InputError: the labelmap cannot be used.
    """
    grid = found.user_grid
    known = _mask(resample_labelmap(read_labelmap(reference, "known lesions"), grid))
    predicted = _mask(return_to_user_grid(found.lesions, found.working_grid, grid, labels=True))
    x, y, z = (float(value) for value in grid.spacing)
    metrics: dict[str, float | None] = {}
    for task in TASKS:
        metrics |= task_metrics(task, known, predicted, (x, y, z))
    match = match_lesions(known, predicted)
    volumes = match.lesion_voxels * grid.voxel_volume_mm3
    lesions = [
        {"volume_mm3": round(float(volume), 3), "found": bool(hit)}
        for volume, hit in zip(volumes, match.found, strict=True)
    ]
    return {
        "metrics": metrics,
        "lesions": lesions,
        "reference_ml": float(np.count_nonzero(known) * grid.voxel_volume_mm3 / 1000),
        "predicted_ml": float(np.count_nonzero(predicted) * grid.voxel_volume_mm3 / 1000),
        "uncertainty": _uncertainty(found, match),
        "objects": _objects(found, known),
    }


def _objects(found: FollowupLesions, known: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Every lesion found, on the working grid: whether it overlaps a known lesion, and its uncertainties."""
    if found.deviation is None or found.extent is None:
        return []
    labels = label_lesions(found.lesions)
    on_grid = resample_labelmap(found.user_grid.image(known.astype(np.uint8)), found.working_grid)
    numbers = np.arange(1, int(labels.max(initial=0)) + 1)
    hits = ndimage.maximum(_mask(on_grid), labels, numbers)
    means, largest = (
        measure(found.deviation, labels, numbers) for measure in (ndimage.mean, ndimage.maximum)
    )
    return [
        {
            "true": bool(hit),
            "mean_sd": float(mean),
            "max_sd": float(most),
            "extent_uncertainty": float(extent) if np.isfinite(extent) else None,
        }
        for hit, mean, most, extent in zip(
            np.atleast_1d(hits), np.atleast_1d(means), np.atleast_1d(largest), found.extent, strict=True
        )
    ]


def _uncertainty(found: FollowupLesions, match: Match) -> dict[str, float | None] | None:
    """Mean SD over the detected lesions (each counts once), and the largest SD of all voxels."""
    if found.deviation is None:
        return None
    deviation = sitk.GetArrayFromImage(
        return_to_user_grid(found.deviation, found.working_grid, found.user_grid, labels=False)
    )
    counts = np.bincount(match.objects.ravel(), minlength=match.hits.size + 1)[1:]
    sums = np.bincount(match.objects.ravel(), deviation.ravel(), minlength=match.hits.size + 1)[1:]
    means = (sums / np.maximum(counts, 1))[match.hits]
    return {
        "mean_sd_of_detected": float(means.mean()) if means.size else None,
        "max_sd": float(found.deviation.max()),
    }


def _mask(image: sitk.Image) -> NDArray[np.bool_]:
    return sitk.GetArrayFromImage(image) > 0
