"""Judge the recipe on real patients that the judging weights never saw: base against patient-specific CNN.

Every patient is segmented with weights trained without that patient, whose folder is named after those left out
(without-A-B). The CNN is tuned on slices of one half of the examination (even slices) and judged on the other half
(odd slices); base and tuned CNN are judged on the same slices.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import Source
from brain_examinations import read_corrected
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.slice_proposal import propose_slices
from PatientSpecificTuningLib.engine.tuning.tuning import tune

HELD_OUT_MODELS = Path(__file__).parent / "HeldOut"
NAMES = {
    "cs07": "open MS 07",
    "cs19": "open MS 19",
    "cs26": "open MS 26",
    "P18": "MSLesSeg P18",
    "P39": "MSLesSeg P39",
    **{source.name: f"MS3SEG {source.name[2:]}" for source in MS3SEG},
}
# Number of slices, None for all lesion slices of the half, and settings.
Plan = tuple[int | None, TuningSettings]
METRICS = ("dice", "avd", "hd95", "recall", "f1")


def model_without(patient: str, models: Path) -> Path:
    """The folder of the weights that were trained without this patient."""
    found = [folder for folder in models.iterdir() if patient in folder.name.split("-")]
    if len(found) != 1:
        message = f"{models} needs exactly one model trained without {patient}, it has {len(found)}."
        raise SystemExit(message)
    return found[0]


def slices_to_tune(
    probability: NDArray[np.float32], organ: NDArray[np.bool_], lesions: NDArray[np.bool_], count: int | None
) -> list[int]:
    """Proposed lesion slices among the even ones."""
    even = np.zeros(organ.shape[0], dtype=bool)
    even[::2] = True
    half = organ & even[:, None, None]
    proposals = propose_slices(probability, half, count=count, among="lesion", lesion_labels=lesions & half)
    return [proposal.slice for proposal in proposals]


def judge(source: Source, data: Path, model: Path, plans: dict[str, Plan]) -> dict:
    """Metrics of the base CNN (all slices, odd slices) and of every tuning plan (odd slices)."""
    card, network = load_model(model)
    scan = read_corrected(source, data)
    examination = scan.training_examination(card)
    images, organ, lesions = examination.images.astype(np.float32), examination.organ, examination.lesions
    odd = list(range(1, organ.shape[0], 2))

    def measure(probability: NDArray[np.float32], slices: list[int] | None) -> dict:
        binary = binarize(probability, organ, card.post_processing)
        metrics = segmentation_metrics(lesions, binary, scan.spacing, slices=slices)
        return {name: getattr(metrics, name) for name in METRICS}

    with TemporaryDirectory() as folder:
        store = compute_features(network, images, organ, Path(folder) / "features.npy")
        base = predict_probability(network.head, store)
        outcome = {"base, all slices": measure(base, None), "base": measure(base, odd)}
        for name, (count, settings) in plans.items():
            slices = slices_to_tune(base, organ, lesions, count)
            # Patches do not depend on learning rate and iterations, so their features are computed once.
            tuned = tune(network, images, organ, lesions, slices, settings, patch_folder=Path(folder))
            probability = predict_probability(tuned_head(network, tuned), store)
            outcome[name] = measure(probability, odd) | {"slices": len(slices)}
    return outcome


def as_markdown(results: dict[str, dict]) -> str:
    """One row per patient and setting."""
    names = NAMES | {"mean": "mean"}
    lines = ["| patient | CNN | Dice | AVD % | HD95 mm | recall | F1 |", "|---|---|---|---|---|---|---|"]
    for patient, rows in results.items():
        for setting, row in rows.items():
            cells = [_cell(row["dice"], 3), _cell(row["avd"], 0), _cell(row["hd95"], 1)]
            cells += [_cell(row["recall"], 2), _cell(row["f1"], 2)]
            lines.append(f"| {names[patient]} | {setting} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument(
        "--models", type=Path, default=HELD_OUT_MODELS, help="folder of models named without-PATIENT"
    )
    parser.add_argument("--patients", nargs="*", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--model", type=Path, help="judge this model alone, whatever it learned from")
    parser.add_argument("--slices", nargs="*", default=["1", "2", "all"], help="numbers of corrected slices")
    parser.add_argument("--iterations", type=int, nargs="*", default=[TuningSettings().iterations])
    parser.add_argument("--learning-rates", type=float, nargs="*", default=[TuningSettings().learning_rate])
    parser.add_argument("--json", type=Path, help="folder for one file with the figures of each patient")
    options = parser.parse_args()
    torch.manual_seed(0)
    plans = planned(options.slices, options.iterations, options.learning_rates)
    results = {}
    for source in (*SOURCES, *MS3SEG):
        if source.name in options.patients:
            model = options.model or model_without(source.name, options.models)
            results[source.name] = judge(source, options.data, model, plans)
            print(as_markdown({source.name: results[source.name]}), flush=True)
            if options.json:
                figures = {"model": model.name} | results[source.name]
                write_text(options.json / f"{source.name}.json", json.dumps(figures, indent=2) + "\n")
    print(as_markdown(results | means(results)))


def planned(counts: list[str], iterations: list[int], rates: list[float]) -> dict[str, Plan]:
    """Every combination, named by what differs from the default settings."""
    plans: dict[str, Plan] = {}
    for count in counts:
        for number in iterations:
            for rate in rates:
                name = f"tuned, {count} slice(s)"
                name += f", {number} iterations" if len(iterations) > 1 else ""
                name += f", learning rate {rate:g}" if len(rates) > 1 else ""
                settings = TuningSettings(iterations=number, learning_rate=rate)
                plans[name] = (None if count == "all" else int(count), settings)
    return plans


def means(results: dict[str, dict]) -> dict[str, dict]:
    """The mean over all patients of every setting; what is undefined for a patient does not count."""
    rows = {}
    for setting in next(iter(results.values()), {}):
        values = {name: [r[setting][name] for r in results.values()] for name in METRICS}
        defined = {name: [v for v in parts if v is not None] for name, parts in values.items()}
        rows[setting] = {name: float(np.mean(v)) if v else None for name, v in defined.items()}
    return {"mean": rows}


if __name__ == "__main__":
    main()
