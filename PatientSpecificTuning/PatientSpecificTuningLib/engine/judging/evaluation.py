"""A result of a case against known lesions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.case import Case
from ..errors import InputError
from ..files.atomic import write_text
from ..files.content_hash import content_hash
from ..files.tables import write_table
from ..images.geometry import Grid
from ..images.geometry import resample_labelmap
from ..images.volumes import read_labelmap
from ..images.volumes import read_stored
from ..images.volumes import write_volume
from ..lesions.results import DETECTION_TABLE
from ..lesions.results import Result
from ..model.card import read_model_card
from ..network.model_choice import model_of_case
from .detection import DetectionRow
from .detection import Match
from .detection import detection_table
from .detection import match_lesions
from .metrics import task_metrics

EVALUATION = "evaluation.json"


def evaluate_result(
    case: Case, result: Result, reference: Path, *, slices: Sequence[int] | None = None
) -> dict[str, float | None]:
    """Metrics of a result for the task of its model; also kept beside it as evaluation.json.

    A detection judged as a whole also leaves which lesion was found, missed or false: detections.nii.gz and
    detections.csv.

    Args:
        reference: labelmap of the known lesions, on any grid.
        slices: judge these slices of the working grid only; None judges everything on the user's grid.

    Raises:
        InputError: the labelmap cannot be used, or the model of the case is gone.
    """
    record = case.record(result.run["examination"])
    task = _task(case)
    grid: Grid = record.user_grid if slices is None else record.working_grid
    known = _on_grid(reference, "reference labelmap", grid)
    found = _on_grid(result.labelmap, "result", grid)
    values = task_metrics(task, known, found, _spacing(grid), slices=slices)
    kept = {
        "reference": content_hash([reference], "reference labelmap").sha256,
        "slices": None if slices is None else [int(i) for i in slices],
        "voxels_of_reference": int(np.count_nonzero(known)),
        **values,
    }
    with case.additions("results", result.number) as folder:
        if task == "detection" and slices is None:
            _write_detections(folder, result, match_lesions(known, found), grid)
        write_text(folder / EVALUATION, json.dumps(kept, indent=2) + "\n")
    return values


def evaluate_change(case: Case, result: Result, change_mask: Path) -> dict[str, float | None]:
    """Metrics of the change between the examinations against a mask of known change.

    Change is where exactly one of the examinations shows a lesion, by the CNN of the result.

    Raises:
        InputError: the mask cannot be used, or the result has no lesions of the baseline to compare with.
    """
    if not result.baseline_lesions.is_file():
        message = (
            f"The result {result.number} was made without a baseline, so it shows no change; prepare both."
        )
        raise InputError(message)
    grid = case.record(result.run["examination"]).user_grid
    known = _on_grid(change_mask, "change mask", grid)
    found = _on_grid(result.labelmap, "result", grid) ^ _on_grid(
        result.baseline_lesions, "baseline lesions", grid
    )
    return task_metrics(_task(case), known, found, _spacing(grid))


def _task(case: Case) -> str:
    return read_model_card(model_of_case(case)).task


def _write_detections(folder: Path, result: Result, match: Match, grid: Grid) -> None:
    image = grid.image(match.outcome())
    write_volume(image, folder / result.detections.name)
    probability = sitk.GetArrayFromImage(read_stored(result.probability))
    # Without repetitions the deviation is not available, which is not the same as certain.
    deviation = np.full(probability.shape, np.nan, dtype=np.float32)
    if result.uncertainty is not None:
        deviation = sitk.GetArrayFromImage(read_stored(result.uncertainty))
    to_world = image.TransformContinuousIndexToPhysicalPoint
    rows = detection_table(match, grid.voxel_volume_mm3, to_world, probability, deviation)
    write_table(rows, DetectionRow, folder / DETECTION_TABLE)


def _on_grid(path: Path, name: str, grid: Grid) -> NDArray[np.bool_]:
    mask = read_labelmap(path, name)
    if sitk.GetArrayViewFromImage(mask).any() and not grid.shows(mask):
        message = f"The {name} {path} lies beside the images; check that it belongs to this examination."
        raise InputError(message)
    return sitk.GetArrayFromImage(resample_labelmap(mask, grid)) > 0


def _spacing(grid: Grid) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in grid.spacing)
    return x, y, z
