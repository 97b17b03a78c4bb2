"""What a result folder holds: maps on the user's grid, tables of lesions and change, and run.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.layout import EXAMINATIONS
from ..case.layout import RESULT_JSON
from ..errors import InputError
from ..files import json_values
from ..files.atomic import write_text
from ..images.geometry import Grid
from ..images.geometry import return_to_user_grid
from ..images.volumes import read_stored
from ..images.volumes import write_volume
from ..network.seed import LARGEST_SEED
from .comparison import BASELINE_LABELS
from .comparison import BASELINE_LESIONS
from .comparison import CHANGE_MAP
from .comparison import CHANGE_TABLE
from .comparison import Comparison
from .comparison import write_comparison
from .lesions import LesionRow
from .lesions import label_lesions
from .lesions import lesion_table
from .lesions import write_lesion_table

LABELMAP, PROBABILITY, UNCERTAINTY = "labelmap.nii.gz", "probability.nii.gz", "uncertainty.nii.gz"
LESION_LABELS = "lesion_labels.nii.gz"
LESION_TABLE = "lesions.csv"
MOST_REPETITIONS = 10_000
WITHOUT_DROPOUT = {"repetitions": 0, "seed": 0}
DETECTIONS, DETECTION_TABLE = "detections.nii.gz", "detections.csv"


@dataclass(frozen=True)
class Result:
    """A complete result: its number in the case, its folder and what run.json says."""

    number: str
    folder: Path
    run: dict[str, Any]

    @property
    def lesions(self) -> int:
        """Number of lesions found."""
        return int(self.run["lesions"])

    @property
    def volume_ml(self) -> float:
        """Volume of all lesions together in millilitres."""
        return float(self.run["volume_ml"])

    @property
    def labelmap(self) -> Path:
        """Lesions on the user's grid, uint8, 1 is lesion."""
        return self.folder / LABELMAP

    @property
    def probability(self) -> Path:
        """Lesion softmax on the user's grid, float32, 0 outside the organ."""
        return self.folder / PROBABILITY

    @property
    def baseline_lesions(self) -> Path:
        """Lesions of the baseline on this grid, uint8; exists where change was looked for."""
        return self.folder / BASELINE_LESIONS

    @property
    def baseline_labels(self) -> Path:
        """Numbers of the baseline's lesions on this grid, int32; exists where change was looked for."""
        return self.folder / BASELINE_LABELS

    @property
    def change_table(self) -> Path:
        """What became of each lesion, CSV; exists where change was looked for."""
        return self.folder / CHANGE_TABLE

    @property
    def change_map(self) -> Path:
        """Tissue surely (1) or doubtfully (2) new, surely (3) or doubtfully (4) lost, uint8 on this grid."""
        return self.folder / CHANGE_MAP

    @property
    def detections(self) -> Path:
        """Known lesions and objects as found (1), missed (2) or false (3); exists where detection was judged."""
        return self.folder / DETECTIONS

    @property
    def uncertainty(self) -> Path | None:
        """Standard deviation over Monte Carlo dropout on the user's grid; None where there were no repetitions."""
        return self.folder / UNCERTAINTY if self.run["repetitions"] > 0 else None


def checked_run(folder: Path, info: dict[str, Any]) -> dict[str, Any]:
    """What run.json says, where it says what every result says.

    Raises:
        InputError: something is missing or of another kind.
    """
    try:
        json_values.choice(info["examination"], EXAMINATIONS)
        if info["tuned"] is not None:
            json_values.text(info["tuned"])
        for name in ("lesions", "repetitions"):
            json_values.integer(info[name], 0)
        json_values.number(info["volume_ml"], 0)
        _check_additions(info)
    except (KeyError, ValueError) as error:
        message = f"{folder / RESULT_JSON} is damaged ({error}); remove this result and segment again."
        raise InputError(message) from error
    return info


def _check_additions(info: dict[str, Any]) -> None:
    """What results with a comparison say besides, and those of an earlier version do not."""
    for name in ("sure_change", "change_volumes"):
        json_values.fields(info.get(name) or {}, json_values.number_or_none)
    for name in ("registration", "applied_change_settings", "priors", "versions"):
        json_values.fields(info.get(name) or {}, json_values.anything)
    dates = json_values.fields(info.get("dates") or {}, json_values.anything)
    json_values.number_or_none(dates.get("years"))
    json_values.number_or_none(info.get("seconds"))


def require_dropout(repetitions: int, seed: int) -> None:
    """Refuse a number of repetitions, or a seed, that no memory and no source of random numbers takes.

    Raises:
        InputError: one of them is out of range.
    """
    if not 0 <= repetitions <= MOST_REPETITIONS or not 0 <= seed <= LARGEST_SEED:
        message = (
            f"The uncertainty cannot be computed with {repetitions} repetitions and the seed {seed}; use up to"
            f" {MOST_REPETITIONS} repetitions and a seed from 0 to {LARGEST_SEED}."
        )
        raise InputError(message)


@dataclass(frozen=True)
class Segmentation:
    """Lesions of one examination and their softmax on the grid of the volume that the user loaded."""

    lesions: sitk.Image
    probability: NDArray[np.float32]
    grid: Grid


def write_result(
    folder: Path,
    segmentation: Segmentation,
    run: dict[str, Any],
    *,
    comparison: Comparison | None = None,
) -> None:
    """Write a result without uncertainty into an empty folder, run.json last.

    The tables describe the labelmap as it is on the user's grid, so that their volumes add up to what is shown.

    Args:
        run: what made the result; numbers of lesions and millilitres are added.
        comparison: the baseline and what else is needed to find change; None where there is nothing to compare.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    grid, probability = segmentation.grid, segmentation.probability
    write_volume(segmentation.lesions, folder / LABELMAP)
    write_volume(grid.image(probability), folder / PROBABILITY)
    labels = label_lesions(sitk.GetArrayFromImage(segmentation.lesions) > 0)
    write_volume(grid.image(labels), folder / LESION_LABELS)
    # Without repetitions the deviation is not available, which is not the same as certain.
    unknown = np.full(labels.shape, np.nan, dtype=np.float32)
    rows = _write_table(folder, labels, probability, unknown, grid)
    summary = _summary(rows, labels, grid)
    if comparison is not None:
        summary |= write_comparison(folder, labels, grid, comparison)
    write_text(folder / RESULT_JSON, json.dumps({**run, **summary, **WITHOUT_DROPOUT}, indent=2) + "\n")


def add_uncertainty(
    folder: Path,
    result: Result,
    labels: NDArray[np.int32],
    deviation: NDArray[np.float32],
    extent: NDArray[np.floating],
    grids: tuple[Grid, Grid],
    dropout: dict[str, int],
) -> None:
    """Write what the uncertainty adds to a result, or changes of it, into an empty folder.

    Args:
        labels: its numbered lesions, as `lesion_numbers` gives them.
        deviation: standard deviation of the lesion softmax, float32 (Z, Y, X) on the working grid.
        extent: uncertainty of the extent of each lesion by its number from 1, nan where it is not known.
        grids: the working grid and the user's grid.
        dropout: "repetitions" and "seed" that made it.

    Raises:
        InputError: the result is damaged, the disk is full or the folder cannot be written to.
    """
    returned = return_to_user_grid(deviation, *grids, labels=False)
    write_volume(returned, folder / UNCERTAINTY)
    probability = sitk.GetArrayFromImage(read_stored(result.probability))
    _write_table(folder, labels, probability, sitk.GetArrayFromImage(returned), grids[1], extent)
    write_text(folder / RESULT_JSON, json.dumps({**result.run, **dropout}, indent=2) + "\n")


def lesion_numbers(result: Result) -> NDArray[np.int32]:
    """The numbered lesions of a result, int32 (Z, Y, X) on the user's grid.

    Raises:
        InputError: the file is missing or damaged.
    """
    return sitk.GetArrayFromImage(read_stored(result.folder / LESION_LABELS)).astype(np.int32)


def _write_table(
    folder: Path,
    labels: NDArray[np.int32],
    probability: NDArray[np.float32],
    deviation: NDArray[np.float32],
    grid: Grid,
    extent: NDArray[np.floating] | None = None,
) -> list[LesionRow]:
    to_world = grid.image(labels).TransformContinuousIndexToPhysicalPoint
    rows = lesion_table(labels, grid.voxel_volume_mm3, to_world, probability, deviation, extent)
    write_lesion_table(rows, folder / LESION_TABLE)
    return rows


def _summary(rows: list[LesionRow], labels: NDArray[np.int32], grid: Grid) -> dict[str, Any]:
    volume = float(np.count_nonzero(labels) * grid.voxel_volume_mm3 / 1000)
    return {"lesions": len(rows), "volume_ml": volume}
