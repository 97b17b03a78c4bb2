"""A result of a case against known lesions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .atomic import write_text
from .case import Case
from .content_hash import content_hash
from .errors import InputError
from .geometry import Grid
from .geometry import resample_labelmap
from .metrics import segmentation_metrics
from .results import Result
from .volumes import read_labelmap

EVALUATION = "evaluation.json"


def evaluate_result(
    case: Case, result: Result, reference: Path, *, slices: Sequence[int] | None = None
) -> dict[str, float | None]:
    """Metrics of a result; also kept beside it as evaluation.json.

    Args:
        reference: labelmap of the known lesions, on any grid.
        slices: judge these slices of the working grid only; None judges everything on the user's grid.

    Raises:
        InputError: the labelmap cannot be used.
    """
    record = case.record(result.run["examination"])
    grid: Grid = record.user_grid if slices is None else record.working_grid
    known = _on_grid(reference, "reference labelmap", grid)
    found = _on_grid(result.labelmap, "result", grid)
    metrics = segmentation_metrics(known, found, _spacing(grid), slices=slices)
    values = metrics.as_dict()
    kept = {
        "reference": content_hash([reference], "reference labelmap").sha256,
        "slices": None if slices is None else [int(i) for i in slices],
        "voxels_of_reference": int(np.count_nonzero(known)),
        **values,
    }
    write_text(result.folder / EVALUATION, json.dumps(kept, indent=2) + "\n")
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
    return segmentation_metrics(known, found, _spacing(grid)).as_dict()


def _on_grid(path: Path, name: str, grid: Grid) -> NDArray[np.bool_]:
    return sitk.GetArrayFromImage(resample_labelmap(read_labelmap(path, name), grid)) > 0


def _spacing(grid: Grid) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in grid.spacing)
    return x, y, z
