"""What the shortcuts of fine-tuning and of the trunk cost in accuracy, on real examinations with expert labels.

Weights that were trained without the judged patient are tuned on proposed even slices and judged on the odd ones,
once as the paper does it and once with each shortcut.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "PatientSpecificTuning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Training"))

from brain_examinations import SOURCES
from brain_examinations import SPACING
from brain_examinations import Source
from brain_examinations import read_corrected
from judge_brain_model import HELD_OUT_MODELS
from judge_brain_model import NAMES
from judge_brain_model import model_without
from judge_brain_model import slices_to_tune
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune

PAPER: dict[str, Any] = {"patch_pool": None, "pixels_per_iteration": None}
EVERYTHING: dict[str, Any] = {"pixels_per_iteration": None, "pixels_per_patch": None}
THINNED: dict[str, Any] = {"slices_with_all_pixels": 0}
# Each with how the trunk computes and keeps features, of the scan and of patches.
SHORTCUTS: dict[str, tuple[dict[str, Any], str]] = {
    "as the paper, float32": (PAPER, "float32"),
    "pool of 40 patches": (EVERYTHING, "float32"),
    "and 8192 pixels of each batch": ({"pixels_per_patch": None}, "float32"),
    "and a byte for each feature (default)": ({"pixels_per_patch": None}, "auto"),
    "and 4096 pixels of each patch": (THINNED, "auto"),
    "and 2048 pixels of each patch": ({"pixels_per_patch": 2048} | THINNED, "auto"),
}
# Where all lesion slices are corrected: how many patches they have together.
POOLS: dict[str, tuple[dict[str, Any], str]] = {
    "five patches of each slice": ({"largest_pool": 10_000}, "auto"),
    "at most 160 patches": ({}, "auto"),
    "at most 80 patches": ({"largest_pool": 80}, "auto"),
    "at most 40 patches": ({"largest_pool": 40}, "auto"),
}


def judge(source: Source, data: Path, counts: list[str], chosen: list[str]) -> list[dict[str, Any]]:
    """Dice on the odd slices and seconds of tuning, for every number of slices and shortcut."""
    card, network = load_model(model_without(source.name, HELD_OUT_MODELS))
    scan = read_corrected(source, data)
    examination = scan.training_examination(card)
    images, organ, lesions = examination.images.astype(np.float32), examination.organ, examination.lesions
    odd = list(range(1, organ.shape[0], 2))
    rows = []
    with TemporaryDirectory() as folder:
        stores = {
            precision: compute_features(
                network, images, organ, Path(folder) / f"{precision}.npy", precision=precision
            )
            for precision in ("float32", "auto")
        }
        base = predict_probability(network.head, stores["float32"])
        found = binarize(base, organ, card.post_processing)
        for count in counts:
            number = None if count == "all" else int(count)
            slices = slices_to_tune(base, organ, lesions, number, scan.spacing[2])
            for name, (settings, precision) in _compared(count, chosen):
                began = time.perf_counter()
                head = tune(
                    network,
                    images,
                    organ,
                    lesions,
                    slices,
                    TuningSettings.of(card, **settings),
                    base_prediction=found,
                    stored=stores[precision],
                    patch_folder=Path(folder) / precision,
                    precision=precision,
                )
                seconds = time.perf_counter() - began
                probability = predict_probability(tuned_head(network, head), stores[precision])
                binary = binarize(probability, organ, card.post_processing)
                dice = segmentation_metrics(lesions, binary, SPACING, slices=odd).dice
                rows.append({"slices": count, "shortcut": name, "dice": dice, "tune_s": seconds})
                print(source.name, rows[-1], flush=True)
    return rows


def _compared(count: str, chosen: list[str]) -> list[tuple[str, tuple[dict[str, Any], str]]]:
    shortcuts = POOLS if count == "all" else SHORTCUTS
    return [(name, how) for name, how in shortcuts.items() if name in chosen]


def as_markdown(results: dict[str, list[dict[str, Any]]]) -> str:
    """One row per shortcut, one column per patient, with the numbers of slices one after the other."""
    rows = [row for found in results.values() for row in found]
    counts = list(dict.fromkeys(row["slices"] for row in rows))
    titles = [f"{NAMES[patient]}" for patient in results]
    lines = [f"| Dice, {' / '.join(counts)} slices | {' | '.join(titles)} | mean |"]
    lines.append("|---" * (len(titles) + 2) + "|")
    for name in dict.fromkeys(row["shortcut"] for row in rows):
        cells = [
            " / ".join(_cell(row["dice"]) for row in found if row["shortcut"] == name)
            for found in results.values()
        ]
        values = [row["dice"] for row in rows if row["shortcut"] == name and row["dice"] is not None]
        lines.append(f"| {name} | {' | '.join(cells)} | {np.mean(values):.3f} |")
    return "\n".join(lines)


def _cell(dice: float | None) -> str:
    return "n/a" if dice is None else f"{dice:.3f}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--patients", nargs="*", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--slices", nargs="*", default=["1", "2"], help="numbers of corrected slices, or all")
    every = [*SHORTCUTS, *POOLS]
    parser.add_argument("--shortcuts", nargs="*", default=every, choices=every, metavar="NAME")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    results = {
        source.name: judge(source, options.data, options.slices, options.shortcuts)
        for source in SOURCES
        if source.name in options.patients
    }
    print(as_markdown(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
