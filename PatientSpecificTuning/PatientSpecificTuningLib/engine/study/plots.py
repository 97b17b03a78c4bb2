"""Plots of a study: patients as paired lines, settings as box plots, Dice against lesion volume."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.atomic import replace_when_complete
from .design import Design
from .design import Setting
from .lesion_uncertainty import MEASURES
from .lesion_uncertainty import curves
from .result_tables import Outcomes
from .result_tables import metric_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "dice": "Dice score",
    "avd": "AVD (%)",
    "hd95": "modified Hausdorff (mm)",
    "tpr": "TPR",
    "fpc": "FPC",
    "f1": "F1 score",
}
# Far apart for every kind of colour vision.
BETTER, WORSE, NEUTRAL = "#0072b2", "#d55e00", "#555555"
LOWER_IS_BETTER = ("avd", "hd95", "fpc")


def draw_plots(
    folder: Path, design: Design, task: str, outcomes: Outcomes, patients: Sequence[str]
) -> dict[str, Path]:
    """Write every plot as PNG; returns the files by title."""
    measures = ("dice", "avd", "f1") if task == "segmentation" else ("tpr", "fpc", "f1")
    figures = {
        "Every patient, base against patient-specific": paired_lines(design, measures, outcomes, patients),
        "All settings": box_plots(design, measures, outcomes, patients),
        "Dice against lesion volume": dice_against_volume(design, outcomes, patients),
        "False lesions among the most certain ones": error_retention(design, outcomes, patients),
    }
    names = ("paired_lines.png", "box_plots.png", "dice_against_volume.png", "error_retention.png")
    files = {}
    for (title, figure), name in zip(figures.items(), names, strict=True):
        with replace_when_complete(folder / name) as temporary:
            temporary.write_bytes(_png(figure))
        files[title] = folder / name
    return files


def paired_lines(
    design: Design, measures: Sequence[str], outcomes: Outcomes, patients: Sequence[str]
) -> Figure:
    """A line for each patient from the base CNN to the one tuned on all lesion slices, coloured by its direction."""
    figure, panels = _panels(len(measures), 2.9)
    for axes, measure in zip(panels, measures, strict=True):
        base, tuned = (
            metric_values(outcomes, s.name, patients, measure) for s in (design.base, design.reference)
        )
        for before, after in zip(base, tuned, strict=True):
            if before is not None and after is not None:
                axes.plot((0, 1), (before, after), "o-", color=_colour(measure, after - before), alpha=0.8)
        axes.set_xticks((0, 1), ("base", "patient-\nspecific"))
        axes.set_xlim(-0.25, 1.25)
        axes.set_title(TITLES[measure])
    return figure


def box_plots(design: Design, measures: Sequence[str], outcomes: Outcomes, patients: Sequence[str]) -> Figure:
    """A box for each setting, from quartile to quartile with its median, and a dot for each patient."""
    settings = design.settings()
    figure, panels = _panels(len(measures), 0.36 * len(settings) + 1.2, height=4.6)
    for axes, measure in zip(panels, measures, strict=True):
        values = [
            [v for v in metric_values(outcomes, s.name, patients, measure) if v is not None] for s in settings
        ]
        axes.boxplot(values, showfliers=False, medianprops={"color": BETTER}, widths=0.6)
        for place, found in enumerate(values, start=1):
            axes.plot([place] * len(found), found, ".", color=NEUTRAL, alpha=0.5, markersize=5)
        axes.set_xticks(range(1, len(settings) + 1), [_short(s) for s in settings], rotation=90, fontsize=8)
        axes.set_title(TITLES[measure])
    return figure


def dice_against_volume(design: Design, outcomes: Outcomes, patients: Sequence[str]) -> Figure:
    """Dice of both CNNs over the known lesion volume of the follow-up."""
    figure, (axes,) = _panels(1, 4.6)
    volumes: dict[str, float] = {}
    for patient in patients:
        measures = (outcomes.get(design.base.name, {}).get(patient) or {}).get("measures")
        if measures is not None and measures["reference_ml"] > 0:
            volumes[patient] = measures["reference_ml"]
    for setting, mark, label in ((design.base, "o", "base"), (design.reference, "^", "patient-specific")):
        dice = metric_values(outcomes, setting.name, list(volumes), "dice")
        pairs = [(v, d) for v, d in zip(volumes.values(), dice, strict=True) if d is not None]
        colour = NEUTRAL if setting == design.base else BETTER
        axes.plot([v for v, _ in pairs], [d for _, d in pairs], mark, color=colour, label=label)
    if volumes:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
        axes.legend(frameon=False)
    axes.set_xlabel("known lesion volume of the follow-up (ml)")
    axes.set_ylabel(TITLES["dice"])
    return figure


def error_retention(design: Design, outcomes: Outcomes, patients: Sequence[str]) -> Figure:
    """The part of the lesions kept that is false, from the most certain lesion on, by every measure."""
    figure, panels = _panels(2, 4.2)
    for axes, setting, title in zip(
        panels, (design.base, design.reference), ("base", "patient-specific"), strict=True
    ):
        found = curves(outcomes, patients, setting.name)
        for (measure, (kept, false)), line in zip(found.items(), ("-", "--", ":"), strict=False):
            axes.plot(kept, false, line, label=MEASURES[measure])
        if found:
            axes.legend(frameon=False, fontsize=8)
        axes.set_xlabel("part of the lesions kept, most certain first")
        axes.set_ylabel("part of them that is false")
        axes.set_title(title)
    return figure


def _panels(count: int, width: float, *, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * count, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(1, count, place + 1) for place in range(count)]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    return figure, panels


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    # Without the name of the program and its version, equal figures give equal files.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _colour(measure: str, change: float) -> str:
    if change == 0:
        return NEUTRAL
    return BETTER if (change < 0) == (measure in LOWER_IS_BETTER) else WORSE


def _short(setting: Setting) -> str:
    return setting.name.replace("-weighted", ", weighted")
