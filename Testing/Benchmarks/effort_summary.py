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
# Its masks were made semi-automatically, so it does not count in the means.
WITHOUT_EXPERT = "12"
Figures = dict[str, dict[str, Any]]


def saved(steps: list[dict[str, Any]], what: str) -> tuple[int, int]:
    """What the slices after the first cost, and what they had cost from what the base CNN found."""
    return sum(s[what] for s in steps[1:]), sum(s[f"base_{what}"] for s in steps[1:])


def table(figures: Figures) -> str:
    """One row per criterion, with and without live tuning."""
    slices = len(next(iter(figures.values()))["runs"]["gain, live"])
    lines = [
        f"| slices by | live tuning | voxels to change, slice 1 | slices 2 to {slices} | saved | strokes, 2 to {slices}"
        f" | Dice after 1, 2, {slices} |",
        "|---|---|---|---|---|---|---|",
    ]
    for run, (criterion, live, _color, _style) in RUNS.items():
        steps = [patient["runs"][run] for patient in figures.values()]
        first = np.mean([s[0]["voxels"] for s in steps])
        voxels, base = np.sum([saved(s, "voxels") for s in steps], axis=0)
        strokes, _base = np.sum([saved(s, "strokes") for s in steps], axis=0)
        share = f"{100 * (1 - voxels / base):.0f} %" if live == "on" else ""
        dice = [f"{np.mean([s[i]['dice'] or 0 for s in steps]):.3f}" for i in (0, 1, slices - 1)]
        count = len(steps)
        lines.append(
            f"| {criterion} | {live} | {first:.0f} | {voxels / count:.0f} | {share} | {strokes / count:.0f} |"
            f" {', '.join(dice)} |"
        )
    return "\n".join(lines)


def patients_table(figures: Figures) -> str:
    """What live tuning saves each patient."""
    lines = [
        "| examination | paper's score: saved | 10 mm apart: saved | expected gain: saved | Dice base |",
        "|---|---|---|---|---|",
    ]
    for patient in figures.values():
        cells = []
        for run in ("paper, live", "apart, live", "gain, live"):
            voxels, base = saved(patient["runs"][run], "voxels")
            cells.append("n/a" if not base else f"{100 * (1 - voxels / base):.0f} % of {base}")
        lines.append(f"| {patient['title']} | {' | '.join(cells)} | {patient['base_dice']:.3f} |")
    return "\n".join(lines)


def picture(figures: Figures, path: Path) -> None:
    """Mean Dice against the mean of what was changed, in per cent of what four slices cost from the base CNN."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for run, (criterion, live, color, style) in RUNS.items():
        efforts, dices, shares = [], [], []
        for patient in figures.values():
            steps = patient["runs"][run]
            base = sum(s["base_voxels"] for s in patient["runs"]["paper, base"])
            efforts.append(np.cumsum([0] + [100 * s["voxels"] / base for s in steps]))
            dices.append([patient["base_dice"]] + [s["dice"] for s in steps])
            shares.append([100 * s["voxels"] / max(1, s["base_voxels"]) for s in steps])
        label = f"{criterion}, live tuning {live}"
        left.plot(
            np.mean(efforts, axis=0), np.mean(dices, axis=0), style, color=color, marker="o", label=label
        )
        if live == "on":
            count = range(1, len(shares[0]) + 1)
            right.plot(count, np.median(shares, axis=0), style, color=color, marker="o", label=criterion)
            for share in shares:
                right.plot(count, np.minimum(share, 160), color=color, alpha=0.2, linewidth=1)
    left.set_xlabel("voxels changed by hand, % (100: paper, without live tuning)")
    left.set_ylabel(f"Dice on slices never corrected, mean of {len(figures)}")
    right.set_xlabel("corrected slice")
    right.set_ylabel("voxels to change, % of without")
    right.set_xticks(list(count))
    right.axhline(65, color="grey", linewidth=0.8, linestyle=":")
    right.set_title("live tuning: median, and every examination", fontsize=10)
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
