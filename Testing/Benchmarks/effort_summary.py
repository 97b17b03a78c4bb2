"""What the figures of effort.py come to: a table, and curves of Dice against what was changed by hand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

RUNS = {
    "paper, base": ("the paper's score", "off", "#1f77b4", "--"),
    "paper, live": ("the paper's score", "on", "#1f77b4", "-"),
    "apart, base": ("the paper's score, 10 mm apart (panel)", "off", "#2ca02c", "--"),
    "apart, live": ("the paper's score, 10 mm apart (panel)", "on", "#2ca02c", "-"),
    "gain, base": ("expected gain", "off", "#d95f02", "--"),
    "gain, live": ("expected gain", "on", "#d95f02", "-"),
}
WAYS = {
    "voxels": ("live tuning", "#2ca02c"),
    "base_shifted_voxels": ("slider", "#9467bd"),
    "shifted_voxels": ("both", "#d62728"),
}
# Its masks were made semi-automatically, so it does not count in the means.
WITHOUT_EXPERT = "12"
Figures = dict[str, dict[str, Any]]


def cost(steps: list[dict[str, Any]], what: str) -> int:
    """What the slices after the first cost together."""
    return sum(step[what] for step in steps[1:])


def saved(runs: list[list[dict[str, Any]]], what: str) -> str:
    """How much less that is than from what the base CNN found, without the slider."""
    without = sum(cost(steps, "base_voxels") for steps in runs)
    return "n/a" if not without else f"{100 * (1 - sum(cost(s, what) for s in runs) / without):.0f} %"


def table(figures: Figures) -> str:
    """One row per criterion, with and without live tuning."""
    slices = len(next(iter(figures.values()))["runs"]["gain, live"])
    later = f"slices 2 to {slices}"
    lines = [
        f"| slices by | live tuning | voxels to change, slice 1 | {later} | saved | strokes | with the slider: {later}"
        f" | saved | strokes | Dice after 1, 2, {slices} |",
        "|" + "---|" * 10,
    ]
    for run, (criterion, live, _color, _style) in RUNS.items():
        runs = [patient["runs"][run] for patient in figures.values()]
        cells = [criterion, live, f"{np.mean([steps[0]['voxels'] for steps in runs]):.0f}"]
        for slider in ("", "shifted_"):
            voxels, strokes = (
                np.mean([cost(s, slider + what) for s in runs]) for what in ("voxels", "strokes")
            )
            is_without = live == "off" and not slider
            cells += [f"{voxels:.0f}", "" if is_without else saved(runs, f"{slider}voxels"), f"{strokes:.0f}"]
        cells.append(
            ", ".join(f"{np.mean([s[i]['dice'] or 0 for s in runs]):.3f}" for i in (0, 1, slices - 1))
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def patients_table(figures: Figures) -> str:
    """What each examination costs as the panel proposes, and what live tuning and the slider save of it."""
    lines = [
        "| examination | Dice base | voxels | saved by live tuning | by the slider | by both |",
        "|---|---|---|---|---|---|",
    ]
    for patient in figures.values():
        steps = patient["runs"]["apart, live"]
        ways = ("voxels", "base_shifted_voxels", "shifted_voxels")
        cells = [patient["title"], f"{patient['base_dice']:.3f}", str(cost(steps, "base_voxels"))]
        lines.append(f"| {' | '.join(cells + [saved([steps], way) for way in ways])} |")
    return "\n".join(lines)


def picture(figures: Figures, path: Path) -> None:
    """Left, mean Dice against what was changed, in per cent of what the slices cost from the base CNN; right, what live
    tuning and the slider leave of each slice's work.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for run, (criterion, live, color, style) in RUNS.items():
        efforts, dices = [], []
        for patient in figures.values():
            steps = patient["runs"][run]
            base = sum(s["base_voxels"] for s in patient["runs"]["paper, base"])
            efforts.append(np.cumsum([0] + [100 * s["voxels"] / base for s in steps]))
            dices.append([patient["base_dice"]] + [s["dice"] for s in steps])
        label = f"{criterion}, live tuning {live}"
        left.plot(
            np.mean(efforts, axis=0), np.mean(dices, axis=0), style, color=color, marker="o", label=label
        )
    runs = [patient["runs"]["apart, live"] for patient in figures.values()]
    count = range(1, len(runs[0]) + 1)
    without = np.array([[step["base_voxels"] for step in steps] for steps in runs]).sum(axis=0)
    for way, (label, color) in WAYS.items():
        voxels = np.array([[step[way] for step in steps] for steps in runs]).sum(axis=0)
        right.plot(count, 100 * voxels / without, color=color, marker="o", label=label)
    left.set_xlabel("voxels changed by hand, % (100: paper, without live tuning)")
    left.set_ylabel(f"Dice on slices never corrected, mean of {len(figures)}")
    right.set_xlabel("corrected slice")
    right.set_ylabel("voxels to change, % of without either")
    right.set_ylim(bottom=0)
    right.set_xticks(list(count))
    right.axhline(65, color="grey", linewidth=0.8, linestyle=":")
    right.set_title("as the panel proposes, all examinations together", fontsize=10)
    for axes in (left, right):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the tables and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="+", type=Path, help="JSON files of effort.py")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    figures: Figures = {}
    for file in options.figures:
        figures |= json.loads(file.read_text(encoding="utf-8"))
    experts = {name: found for name, found in figures.items() if name != WITHOUT_EXPERT}
    print(table(experts))
    print()
    print(patients_table(figures))
    if options.picture:
        picture(experts, options.picture)


if __name__ == "__main__":
    main()
