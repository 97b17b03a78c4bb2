"""What a person reads at the end: the table of metrics and the picture of a result."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.case import Case
from ..images.geometry import Grid
from ..images.geometry import resample
from ..images.geometry import resample_labelmap
from ..images.volumes import read_labelmap
from ..images.volumes import read_stored
from ..lesions.results import Result
from ..model.card import read_model_card
from ..network.model_choice import model_of_case
from ..network.prepared import open_examination
from .detection import FALSE
from .detection import FOUND
from .detection import MISSED
from .detection import match_lesions
from .picture import Overview
from .picture import draw_overview

Metrics = Mapping[str, Mapping[str, float | None]]
COLUMNS = {
    "tpr": ("lesion TPR", ".2f"),
    "fpc": ("false positives", ".0f"),
    "dice": ("Dice", ".3f"),
    "avd": ("AVD (%)", ".1f"),
    "hd95": ("Hausdorff 95 (mm)", ".2f"),
    "recall": ("lesion TPR", ".2f"),
    "f1": ("lesion F1", ".2f"),
    "tpr_small": ("TPR below 1.0 cm³", ".2f"),
    "tpr_large": ("TPR from 1.0 cm³", ".2f"),
}
OUTCOME_NAMES = {
    "segmentation": ("true positive", "false negative", "false positive"),
    "detection": ("found lesion", "missed lesion", "false object"),
}
CAPTIONS = {
    "segmentation": {"dice": "Dice {:.3f}"},
    "detection": {"tpr": "TPR {:.2f}", "fpc": "{} false positives"},
}


def metrics_markdown(metrics: Metrics, slices: Sequence[int], judged_by: str, notes: Sequence[str]) -> str:
    """Base against patient-specific as a Markdown table, with what was corrected and judged; n/a is undefined."""
    columns = {key: column for key, column in COLUMNS.items() if key in metrics["base"]}
    lines = [
        "# Base against patient-specific CNN",
        "",
        f"Corrected slices of the baseline: {', '.join(map(str, sorted(slices)))}.",
        f"Judged by {judged_by}." if judged_by else "There are no known lesions to judge by.",
        "",
        "| CNN | " + " | ".join(title for title, _ in columns.values()) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, title in (("base", "base"), ("tuned", "patient-specific")):
        cells = [number(metrics[name][key], form) for key, (_, form) in columns.items()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def number(value: float | None, form: str) -> str:
    """A value in the given format, n/a where undefined."""
    return "n/a" if value is None else format(value, form)


def draw_result(
    case: Case, base: Result, tuned: Result, known: Path | None, metrics: Metrics, path: Path
) -> None:
    """Draw the overview of a base and a patient-specific result of the same examination.

    Args:
        known: labelmap of the known lesions, on any grid; None where there is none.
    """
    name = tuned.run["examination"]
    examination = open_examination(case, name)
    card = read_model_card(model_of_case(case))
    grid = examination.record.working_grid
    found = {"base": _mask(base.labelmap, grid), "tuned": _mask(tuned.labelmap, grid)}
    reference = None if known is None else _mask(known, grid)
    overview = Overview(
        image=np.asarray(examination.images[card.pathways[0].key_index]),
        organ=examination.organ_mask,
        base=found["base"],
        tuned=found["tuned"],
        known=reference,
        outcomes=None if reference is None else _outcomes(card.task, reference, found),
        outcome_names=OUTCOME_NAMES[card.task],
        uncertainty=None if tuned.uncertainty is None else _values(tuned.uncertainty, grid),
        pixel_aspect=float(grid.spacing[1] / grid.spacing[0]),
        title=f"{'Follow-up' if name == 'followup' else 'Baseline'}: base against patient-specific CNN",
        captions=(_caption(metrics["base"], card.task), _caption(metrics["tuned"], card.task)),
    )
    draw_overview(overview, path)


def _outcomes(
    task: str, known: NDArray[np.bool_], found: Mapping[str, NDArray[np.bool_]]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What the base and the tuned CNN made of every voxel or, for detection, of every lesion."""
    judge = _voxel_outcome if task == "segmentation" else _object_outcome
    return judge(known, found["base"]), judge(known, found["tuned"])


def _voxel_outcome(known: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return (FOUND * (known & found) + MISSED * (known & ~found) + FALSE * (found & ~known)).astype(np.uint8)


def _object_outcome(known: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return match_lesions(known, found).outcome()


def _caption(metrics: Mapping[str, float | None], task: str) -> str:
    values = {key: metrics[key] for key in CAPTIONS[task]}
    return ", ".join(CAPTIONS[task][key].format(value) for key, value in values.items() if value is not None)


def _mask(path: Path, grid: Grid) -> NDArray[np.bool_]:
    return sitk.GetArrayFromImage(resample_labelmap(read_labelmap(path, path.name), grid)) > 0


def _values(path: Path, grid: Grid) -> NDArray[np.float32]:
    return sitk.GetArrayFromImage(resample(read_stored(path), grid))
