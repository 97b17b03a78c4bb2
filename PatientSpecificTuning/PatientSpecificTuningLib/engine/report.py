"""What a person reads at the end: the table of metrics and the picture of a result."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .case import Case
from .geometry import Grid
from .geometry import resample
from .geometry import resample_labelmap
from .picture import Overview
from .picture import draw_overview
from .prepared import open_examination
from .results import Result
from .volumes import read_labelmap

Metrics = Mapping[str, Mapping[str, float | None]]
COLUMNS = {
    "dice": ("Dice", ".3f"),
    "avd": ("AVD (%)", ".1f"),
    "hd95": ("Hausdorff 95 (mm)", ".2f"),
    "recall": ("lesion TPR", ".2f"),
    "f1": ("lesion F1", ".2f"),
}


def metrics_markdown(metrics: Metrics, slices: Sequence[int], judged_by: str, notes: Sequence[str]) -> str:
    """Base against patient-specific as a Markdown table, with what was corrected and judged; n/a is undefined."""
    lines = [
        "# Base against patient-specific CNN",
        "",
        f"Corrected slices of the baseline: {', '.join(map(str, sorted(slices)))}.",
        f"Judged by {judged_by}." if judged_by else "There are no known lesions to judge by.",
        "",
        "| CNN | " + " | ".join(title for title, _ in COLUMNS.values()) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for name, title in (("base", "base"), ("tuned", "patient-specific")):
        cells = [number(metrics[name][key], form) for key, (_, form) in COLUMNS.items()]
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
    grid = examination.record.working_grid
    captions = tuple(_caption(metrics[key]["dice"]) for key in ("base", "tuned"))
    overview = Overview(
        image=np.asarray(examination.images[0]),
        organ=examination.organ_mask,
        base=_mask(base.labelmap, grid),
        tuned=_mask(tuned.labelmap, grid),
        known=None if known is None else _mask(known, grid),
        uncertainty=None if tuned.uncertainty is None else _values(tuned.uncertainty, grid),
        pixel_aspect=float(grid.spacing[1] / grid.spacing[0]),
        title=f"{'Follow-up' if name == 'followup' else 'Baseline'}: base against patient-specific CNN",
        captions=(captions[0], captions[1]),
    )
    draw_overview(overview, path)


def _caption(dice: float | None) -> str:
    return "" if dice is None else f"Dice {dice:.3f}"


def _mask(path: Path, grid: Grid) -> NDArray[np.bool_]:
    return sitk.GetArrayFromImage(resample_labelmap(read_labelmap(path, path.name), grid)) > 0


def _values(path: Path, grid: Grid) -> NDArray[np.float32]:
    return sitk.GetArrayFromImage(resample(sitk.ReadImage(str(path)), grid))
