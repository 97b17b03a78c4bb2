"""One table of all unseen examinations, base CNN to patient-specific CNN, with the means that the aims are about.

    python Testing/environment.py Testing/Training/judge_table.py --data FOLDER --json FOLDER

reads what `judge_brain_model.py --json FOLDER` left.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import read_corrected
from judge_brain_model import METRICS
from judge_brain_model import NAMES

DIGITS = {"dice": 3, "avd": 0, "hd95": 1, "recall": 2, "f1": 2}
TITLES = ("Dice", "AVD %", "Hausdorff 95 mm", "lesion TPR", "lesion F1")
LOW_ML = 5.0
# A tuned CNN whose Dice is lower by more is called worse.
WORSE = 0.01
Figures = dict[str, dict[str, float | None]]


def loads(data: Path, cache: Path | None) -> dict[str, float]:
    """Lesion volume in ml inside the brain mask, by patient."""
    found = {}
    for source in (*SOURCES, *MS3SEG):
        if source.name in NAMES:
            scan = read_corrected(source, data, cache)
            voxels = np.count_nonzero(scan.lesions & scan.organ)
            found[source.name] = float(voxels * np.prod(scan.spacing)) / 1000
    return found


def table(figures: dict[str, Figures], load: dict[str, float], plan: str) -> str:
    """One row for each examination, low loads first, and their mean."""
    lines = ["| examination (lesion load) | base, all slices: Dice | " + " | ".join(TITLES) + " |"]
    lines.append("|---" * (2 + len(TITLES)) + "|")
    for name in sorted(figures, key=lambda patient: load[patient]):
        lines.append(_row(f"{NAMES[name]} ({load[name]:.1f} ml)", figures[name], plan))
    mean = {
        cnn: _mean([rows[cnn] for rows in figures.values()]) for cnn in ("base, all slices", "base", plan)
    }
    lines.append(_row(f"**mean of {len(figures)}**", mean, plan))
    return "\n".join(lines)


def _row(title: str, rows: Figures, plan: str) -> str:
    pairs = [f"{_text(rows['base'], name)} → {_text(rows[plan], name)}" for name in METRICS]
    return f"| {title} | {_text(rows['base, all slices'], 'dice')} | {' | '.join(pairs)} |"


def _text(row: dict[str, float | None], name: str) -> str:
    value = row[name]
    return "n/a" if value is None else f"{value:.{DIGITS[name]}f}"


def _mean(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
    """Of what is defined."""
    values = {name: [v for row in rows if (v := row[name]) is not None] for name in METRICS}
    return {name: float(np.mean(found)) if found else None for name, found in values.items()}


def summary(figures: dict[str, Figures], load: dict[str, float], plan: str) -> str:
    """What the aims are about."""
    whole = _mean([rows["base, all slices"] for rows in figures.values()])
    base, tuned = (_mean([rows[cnn] for rows in figures.values()]) for cnn in ("base", plan))
    low = {n: rows["base, all slices"]["avd"] for n, rows in figures.items() if load[n] < LOW_ML}
    worse = {
        NAMES[name]: f"{rows['base']['dice']:.3f} to {rows[plan]['dice']:.3f}"
        for name, rows in figures.items()
        if (rows[plan]["dice"] or 0) < (rows["base"]["dice"] or 0) - WORSE
    }
    return "\n".join(
        [
            f"mean Dice of the base CNN: {_text(whole, 'dice')} on all slices, {_text(base, 'dice')} on odd ones;"
            f" {plan}: {_text(tuned, 'dice')}",
            f"AVD of the base CNN below {LOW_ML:.0f} ml, all slices: "
            + ", ".join(f"{NAMES[name]} {avd:.0f} %" for name, avd in low.items()),
            f"worse by more than {WORSE} after tuning: {worse or 'none'}",
            f"mean TPR {_text(base, 'recall')} to {_text(tuned, 'recall')}",
        ]
    )


def main() -> None:
    """Print table and summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--json", type=Path, required=True, help="folder that judge_brain_model.py filled")
    parser.add_argument("--plan", default="tuned, 2 slice(s)", help="name of the tuning that is shown")
    parser.add_argument("--cache", type=Path, help="folder that keeps scans once their bias is corrected")
    options = parser.parse_args()
    figures = {
        name: json.loads(file.read_text(encoding="utf-8"))
        for name in NAMES
        if (file := options.json / f"{name}.json").is_file()
    }
    load = loads(options.data, options.cache)
    print(table(figures, load, options.plan), summary(figures, load, options.plan), sep="\n\n")


if __name__ == "__main__":
    main()
