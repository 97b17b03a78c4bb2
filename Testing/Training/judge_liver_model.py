"""Judge the liver model on phantom patients it never saw: base against patient-specific CNN, on the follow-up.

The CNN is tuned on the lesion slices of the baseline, corrected from the known truth; both CNNs are judged by
the metastases they detect in the follow-up.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from liver_examinations import JUDGED_SEEDS
from liver_examinations import prepared_patient
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.judging.metrics import detection_metrics
from PatientSpecificTuningLib.engine.judging.metrics import dice
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.model.card import CARD_NAME
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.model_folder import shipped_models
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune

SHIPPED = "LiverMetastases"
PLANS = {"patient-specific": None, "patient-specific, weighted": "detection"}
FIGURES = ("tpr", "fpc", "f1", "dice")


def judge(seed: int, model: Path, iterations: int, plans: dict[str, str | None]) -> dict:
    """Detection of the base CNN and of every tuning plan in one patient's follow-up."""
    card, network = load_model(model)
    patient = prepared_patient(seed, card)
    baseline, followup = patient["baseline"], patient["followup"]
    slices = np.flatnonzero(baseline.lesions.any(axis=(1, 2))).tolist()
    with TemporaryDirectory() as folder:
        stores = {
            name: compute_features(
                network, examination.images, examination.organ, Path(folder) / f"{name}.npy"
            )
            for name, examination in patient.items()
        }

        def detected(head, name: str) -> np.ndarray:
            probability = predict_probability(head, stores[name])
            return binarize(probability, patient[name].organ, card.post_processing)

        on_baseline = detected(network.head, "baseline")
        outcome = {"base": _figures(followup.lesions, detected(network.head, "followup"))}
        for name, weighting in plans.items():
            tuned = tune(
                network,
                baseline.images,
                baseline.organ,
                baseline.lesions,
                slices,
                TuningSettings(iterations=iterations, weighting=weighting),
                base_prediction=on_baseline,
            )
            found = detected(tuned_head(network, tuned), "followup")
            outcome[name] = _figures(followup.lesions, found) | {"slices": len(slices)}
    return outcome


def _figures(reference: np.ndarray, prediction: np.ndarray) -> dict:
    metrics = detection_metrics(reference, prediction)
    return {
        "tpr": metrics.tpr,
        "fpc": metrics.false_positives,
        "f1": metrics.f1,
        "dice": dice(reference, prediction),
        "lesions": metrics.found + metrics.missed,
    }


def summary(results: dict[str, dict]) -> dict[str, dict]:
    """Median and quartiles of every figure over all patients, by CNN; undefined figures are left out."""
    table: dict[str, dict] = {}
    for cnn in next(iter(results.values())):
        table[cnn] = {}
        for figure in FIGURES:
            values = [rows[cnn][figure] for rows in results.values() if rows[cnn][figure] is not None]
            quartiles = np.percentile(values, (50, 25, 75)) if values else [None] * 3
            table[cnn][figure] = [None if q is None else round(float(q), 3) for q in quartiles]
    return table


def record(model: Path, results: dict[str, dict]) -> None:
    """Write the figures into the model card."""
    medians = summary(results)
    base, tuned = (medians[cnn] for cnn in ("base", "patient-specific"))
    told = ", ".join(
        f"{name} {base[figure][0]:.2f} (patient-specific {tuned[figure][0]:.2f})"
        for figure, name in (
            ("tpr", "TPR"),
            ("fpc", "false positives per case"),
            ("f1", "F1"),
            ("dice", "Dice"),
        )
    )
    card = replace(
        read_model_card(model),
        results={
            "summary": f"medians of the base CNN on the follow-up of {len(results)} phantom patients: {told}",
            "how": "Testing/Training/judge_liver_model.py: seeds that were not learned from; tuned on all lesion"
            " slices of the baseline, judged on the follow-up; median, first and third quartile",
            "held_out": medians,
            "patients": results,
        },
    )
    write_text(model / CARD_NAME, json.dumps(card.to_dict(), indent=2) + "\n")


def as_markdown(results: dict[str, dict]) -> str:
    """One row per patient and CNN, then the medians [interquartile range]."""
    lines = [
        "| phantom patient | metastases | CNN | TPR | false positives | F1 | Dice |",
        "|---|---|---|---|---|---|---|",
    ]
    for patient, rows in results.items():
        for cnn, row in rows.items():
            cells = [_cell(row[figure], 0 if figure == "fpc" else 2) for figure in FIGURES]
            lines.append(f"| {patient} | {row['lesions']} | {cnn} | {' | '.join(cells)} |")
    for cnn, row in summary(results).items():
        cells = [
            f"{_cell(m, 2)} [{_cell(low, 2)}-{_cell(high, 2)}]"
            for m, low, high in (row[figure] for figure in FIGURES)
        ]
        lines.append(f"| median [IQR] of {len(results)} | | {cnn} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder, the shipped model without it")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(JUDGED_SEEDS))
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--weighted", action="store_true", help="also tune with the weights for detection")
    parser.add_argument(
        "--json", type=Path, help="also keep the figures here; patients in it are not judged again"
    )
    parser.add_argument("--record", action="store_true", help="also write the figures into the model card")
    options = parser.parse_args()
    model = options.model or shipped_models()[SHIPPED]
    plans = {name: weighting for name, weighting in PLANS.items() if weighting is None or options.weighted}
    results: dict[str, dict] = {}
    if options.json and options.json.is_file():
        results = json.loads(options.json.read_text(encoding="utf-8"))["patients"]
    for seed in options.seeds:
        if str(seed) in results:
            continue
        results[str(seed)] = judge(seed, model, options.iterations, plans)
        print(as_markdown({str(seed): results[str(seed)]}), flush=True)
        if options.json:
            figures = {"patients": results, "median and quartiles": summary(results)}
            options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(as_markdown(results))
    if options.record:
        record(model, results)


if __name__ == "__main__":
    main()
