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
SHORTCUTS: dict[str, tuple[dict[str, Any], str]] = {
    "as the paper, float32": (PAPER, "float32"),
    "as the paper, bfloat16 trunk": (PAPER, "auto"),
    "pool of 40 patches": ({"pixels_per_iteration": None}, "auto"),
    "pool of 40 patches, 8192 pixels (default)": ({}, "auto"),
    "pool of 40 patches, 4096 pixels": ({"pixels_per_iteration": 4096}, "auto"),
    "pool of 20 patches, 8192 pixels": ({"patch_pool": 20}, "auto"),
}


def judge(source: Source, data: Path, counts: list[int]) -> list[dict[str, Any]]:
    """Dice on the odd slices and seconds of tuning, for every shortcut and number of slices."""
    card, network = load_model(model_without(source.name, HELD_OUT_MODELS))
    examination = read_corrected(source, data).training_examination(card)
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
            slices = slices_to_tune(base, organ, lesions, count)
            for name, (settings, precision) in SHORTCUTS.items():
                began = time.perf_counter()
                head = tune(
                    network,
                    images,
                    organ,
                    lesions,
                    slices,
                    TuningSettings(**settings),
                    base_prediction=found,
                    precision=precision,
                )
                seconds = time.perf_counter() - began
                probability = predict_probability(tuned_head(network, head), stores[precision])
                binary = binarize(probability, organ, card.post_processing)
                dice = segmentation_metrics(lesions, binary, SPACING, slices=odd).dice
                rows.append({"slices": count, "shortcut": name, "dice": dice, "tune_s": seconds})
                print(source.name, rows[-1], flush=True)
    return rows


def as_markdown(results: dict[str, list[dict[str, Any]]]) -> str:
    """One row per shortcut, one column per patient and number of slices."""
    columns = [(patient, row["slices"]) for patient, rows in results.items() for row in rows]
    columns = list(dict.fromkeys(columns))
    titles = [f"{NAMES[patient]}, {count} slice{'s' * (count > 1)}" for patient, count in columns]
    lines = [f"| Dice | {' | '.join(titles)} | mean |", "|---" * (len(columns) + 2) + "|"]
    for name in SHORTCUTS:
        values = [
            next(r["dice"] for r in results[patient] if (r["slices"], r["shortcut"]) == (count, name))
            for patient, count in columns
        ]
        cells = ["n/a" if value is None else f"{value:.3f}" for value in values]
        mean = np.mean([value for value in values if value is not None])
        lines.append(f"| {name} | {' | '.join(cells)} | {mean:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--patients", nargs="*", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--slices", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    results = {
        source.name: judge(source, options.data, options.slices)
        for source in SOURCES
        if source.name in options.patients
    }
    print(as_markdown(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
