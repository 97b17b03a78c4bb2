"""What more iterations of a training bring to patients it leaves out: base CNN of every snapshot, as table and curves.

    python Testing/environment.py Testing/Training/training_curves.py --data FOLDER --work FOLDER --json FOLDER \\
        --start MODEL --run scanner ms01 ms05 --plot FILE

judges the snapshots NAME-100, NAME-200, ... that `continue_brain_model.py` left in the work folder, each examination on
all slices; what the JSON folder has is not judged again.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import read_corrected
from judge_brain_model import METRICS
from judge_brain_model import NAMES
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.network.direct_prediction import predict_directly
from PatientSpecificTuningLib.engine.network.model_folder import load_model

LINES = {
    "dice": ("mean Dice", 1.0),
    "avd": ("median AVD %", None),
    "recall": ("mean lesion TPR", 1.0),
    "f1": ("mean lesion F1", 1.0),
}
COLOURS = ("#0891b2", "#d97706", "#7c3aed", "#4d7c0f")
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Snapshot:
    """Averaged weights of one training on the way."""

    iteration: int
    model: Path


def snapshots(work: Path, name: str, start: Path, every: int = 1) -> list[Snapshot]:
    """The weights that the training started from, and those that it left at multiples of `every`, by iteration."""
    found = [Snapshot(0, start)]
    for folder in work.glob(f"{name}-*"):
        iteration = folder.name.removeprefix(f"{name}-")
        if iteration.isdigit() and int(iteration) % every == 0 and (folder / "model.json").is_file():
            found.append(Snapshot(int(iteration), folder))
    return sorted(found, key=lambda snapshot: snapshot.iteration)


def judged(model: Path, patient: str, data: Path, cache: Path | None) -> Figures:
    """The base CNN on all slices of an examination."""
    card, network = load_model(model)
    source = next(source for source in (*SOURCES, *MS3SEG) if source.name == patient)
    scan = read_corrected(source, data, cache)
    examination = scan.training_examination(card)
    images = examination.images.astype(np.float32)
    probability = predict_directly(network, [network.head], images, scan.organ)[0]
    binary = binarize(probability, scan.organ, card.post_processing)
    metrics = asdict(segmentation_metrics(examination.lesions, binary, scan.spacing))
    return {name: metrics[name] for name in METRICS}


def curve(figures: dict[int, dict[str, Figures]], metric: str) -> tuple[list[int], list[float]]:
    """Iterations, and the mean over the patients; the median of AVD, which low loads dominate."""
    average = np.median if metric == "avd" else np.mean
    iterations, values = [], []
    for iteration, patients in sorted(figures.items()):
        defined = [value for rows in patients.values() if (value := rows[metric]) is not None]
        if defined:
            iterations.append(iteration)
            values.append(float(average(defined)))
    return iterations, values


def table(runs: dict[str, dict[int, dict[str, Figures]]]) -> str:
    """One row for each run and number of iterations."""
    lines = ["| run | iterations | " + " | ".join(title for title, _ in LINES.values()) + " |"]
    lines.append("|---" * (2 + len(LINES)) + "|")
    for name, figures in runs.items():
        for iteration in sorted(figures):
            one = {iteration: figures[iteration]}
            values = {metric: curve(one, metric)[1] for metric in LINES}
            cells = [
                f"{found[0]:.{0 if metric == 'avd' else 3}f}" if found else "n/a"
                for metric, found in values.items()
            ]
            lines.append(f"| {name} | {iteration} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(runs: dict[str, dict[int, dict[str, Figures]]], path: Path) -> None:
    """One picture for each measure; faint lines are the patients."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.9 * len(LINES), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (metric, (title, highest)) in zip(figure.subplots(1, len(LINES)), LINES.items(), strict=True):
        for (name, figures), colour in zip(runs.items(), COLOURS, strict=False):
            for patient in next(iter(figures.values())):
                alone = {i: {patient: rows[patient]} for i, rows in figures.items() if patient in rows}
                axis.plot(*curve(alone, metric), color=colour, alpha=0.2, linewidth=0.8)
            axis.plot(*curve(figures, metric), "o-", color=colour, markersize=4, label=name)
        axis.set(xlabel="iterations", ylabel=title)
        if highest is None:
            axis.set_yscale("log")
        else:
            axis.set_ylim(0, highest)
        axis.grid(alpha=0.25)
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Judge what has not been judged, print the table and draw the curves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--work", type=Path, required=True, help="folder with the snapshots")
    parser.add_argument("--json", type=Path, required=True, help="folder for figures, one file for each run")
    parser.add_argument("--run", nargs="+", action="append", default=[], help="name, then patients left out")
    parser.add_argument("--start", type=Path, action="append", default=[], help="of each run, where it began")
    parser.add_argument(
        "--every", type=int, default=1, help="only snapshots at multiples of so many iterations"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps scans once their bias is corrected")
    parser.add_argument("--plot", type=Path, help="PNG of the curves")
    options = parser.parse_args()
    runs = {}
    for (name, *patients), start in zip(options.run, options.start, strict=True):
        if unknown := set(patients) - set(NAMES):
            parser.error(f"unknown patients: {', '.join(sorted(unknown))}")
        file = options.json / f"{name}.json"
        kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        figures = {int(iteration): rows for iteration, rows in kept.items()}
        for snapshot in snapshots(options.work, name, start, options.every):
            rows = figures.setdefault(snapshot.iteration, {})
            for patient in patients:
                if patient not in rows:
                    rows[patient] = judged(snapshot.model, patient, options.data, options.cache)
                    options.json.mkdir(parents=True, exist_ok=True)
                    write_text(file, json.dumps(figures, indent=1) + "\n")
        runs[name] = {
            iteration: {p: rows[p] for p in patients if p in rows} for iteration, rows in figures.items()
        }
    print(table(runs))
    if options.plot:
        plot(runs, options.plot)


if __name__ == "__main__":
    main()
