"""Whether lesion-wise weights find more small lesions, on real examinations with expert masks that no weights saw.

Tuned on two and four proposed slices of the even half, judged on the odd half. MS3SEG 01, 08, 12 and open MS 19 are
judged with the weights that ship, which never saw them, the others with weights trained without them.

    python Testing/environment.py Testing/Benchmarks/weightings.py --data FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "Training"))

from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import Source
from brain_examinations import read_corrected
from judge_brain_model import HELD_OUT_MODELS
from judge_brain_model import model_without
from judge_brain_model import slices_to_tune
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune
from PatientSpecificTuningLib.engine.verdict.verdict import SMALL_MM3
from PatientSpecificTuningLib.engine.verdict.verdict import count_found

UNSEEN_BY_SHIPPED = ("ms01", "ms08", "ms12", "cs19")
WEIGHTINGS = {"none": None, "segmentation": "segmentation", "lesions": "lesions"}
EXAMINATIONS = {s.name: s for s in (*SOURCES, *MS3SEG) if s.lesions}


def judge(source: Source, data: Path, counts: list[int]) -> list[dict[str, Any]]:
    """What base and tuned CNNs find on the odd slices, one row for each number of slices and weighting."""
    shipped = source.name in UNSEEN_BY_SHIPPED
    folder = choose_model(None) if shipped else model_without(source.name, HELD_OUT_MODELS)
    card, network = load_model(folder)
    scan = read_corrected(source, data)
    examination = scan.training_examination(card)
    images, organ, lesions = examination.images.astype(np.float32), examination.organ, examination.lesions
    odd = organ.copy()
    odd[::2] = False
    voxel = float(np.prod(scan.spacing))

    def row(slices: int, weighting: str, probability: np.ndarray) -> dict[str, Any]:
        found = binarize(probability, organ, card.post_processing) & odd
        counted = asdict(count_found(lesions & odd, found, voxel, SMALL_MM3["segmentation"]))
        volumes = np.count_nonzero(found), np.count_nonzero(lesions & odd)
        counted["volume_ratio"] = float(volumes[0] / max(1, volumes[1]))
        return {"examination": source.name, "slices": slices, "weighting": weighting, **counted}

    with TemporaryDirectory() as temporary:
        store = compute_features(network, images, organ, Path(temporary) / "features.npy")
        base = predict_probability(network.head, store)
        rows = [row(0, "base", base)]
        found = binarize(base, organ, card.post_processing)
        for count in counts:
            slices = slices_to_tune(base, organ, lesions, count, scan.spacing[2])
            for name, weighting in WEIGHTINGS.items():
                settings = TuningSettings.of(card, weighting=weighting)
                patches = Path(temporary) / f"patches{count}"
                scan_and_labels = (network, images, organ, lesions, slices, settings)
                head = tune(*scan_and_labels, base_prediction=found, stored=store, patch_folder=patches)
                rows.append(row(count, name, predict_probability(tuned_head(network, head), store)))
    return rows


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One line for each number of slices and weighting, over all examinations."""
    lines = [
        "| slices | weights | Dice | small lesions | all lesions | false | volume / known |",
        "|" + "---|" * 7,
    ]
    for key in dict.fromkeys((row["slices"], row["weighting"]) for row in rows):
        chosen = [row for row in rows if (row["slices"], row["weighting"]) == key]
        total = {n: sum(r[n] for r in chosen) for n in ("small_found", "small", "found", "lesions", "false")}
        dice = float(np.mean([row["dice"] or 0.0 for row in chosen]))
        ratio = float(np.median([row["volume_ratio"] for row in chosen]))
        lines.append(
            f"| {key[0]} | {key[1]} | {dice:.3f} | {total['small_found']} of {total['small']}"
            f" | {total['found']} of {total['lesions']} | {total['false']} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Judge what is asked for and print one table of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument(
        "--examinations",
        nargs="+",
        choices=list(EXAMINATIONS),
        default=["ms01", "ms08", "ms12", "cs19", "cs07", "cs26", "P18", "P39"],
    )
    parser.add_argument("--slices", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--json", type=Path, help="where the figures of every examination go")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.examinations:
        rows += judge(EXAMINATIONS[name], options.data, options.slices)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print(name, as_markdown([row for row in rows if row["examination"] == name]), sep="\n", flush=True)
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
