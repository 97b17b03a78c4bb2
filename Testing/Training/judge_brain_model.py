"""Judge the recipe on real patients that the judging weights never saw: base against patient-specific CNN.

Every patient is segmented with weights trained without that patient. The CNN is tuned on slices of one half of
the examination (even slices) and judged on the other half (odd slices); base and tuned CNN are judged on the
same slices.
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

from brain_examinations import SOURCES
from brain_examinations import SPACING
from brain_examinations import Source
from brain_examinations import read_corrected
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
}
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


def judge(source: Source, data: Path, models: Path, plans: dict[str, tuple[int | None, int]]) -> dict:
    """Metrics of the base CNN (all slices, odd slices) and of every tuning plan (odd slices)."""
    card, network = load_model(model_without(source.name, models))
    examination = read_corrected(source, data).training_examination(card)
    images, organ, lesions = examination.images.astype(np.float32), examination.organ, examination.lesions
    odd = list(range(1, organ.shape[0], 2))

    def measure(probability: NDArray[np.float32], slices: list[int] | None) -> dict:
        binary = binarize(probability, organ, card.post_processing)
        metrics = segmentation_metrics(lesions, binary, SPACING, slices=slices)
        return {name: getattr(metrics, name) for name in METRICS}

    with TemporaryDirectory() as folder:
        store = compute_features(network, images, organ, Path(folder) / "features.npy")
        base = predict_probability(network.head, store)
        outcome = {"base, all slices": measure(base, None), "base": measure(base, odd)}
        for name, (count, iterations) in plans.items():
            slices = slices_to_tune(base, organ, lesions, count)
            tuned = tune(network, images, organ, lesions, slices, TuningSettings(iterations=iterations))
            probability = predict_probability(tuned_head(network, tuned), store)
            outcome[name] = measure(probability, odd) | {"slices": len(slices)}
    return outcome


def as_markdown(results: dict[str, dict]) -> str:
    """One row per patient and setting."""
    lines = ["| patient | CNN | Dice | AVD % | HD95 mm | recall | F1 |", "|---|---|---|---|---|---|---|"]
    for patient, rows in results.items():
        for setting, row in rows.items():
            cells = [_cell(row["dice"], 3), _cell(row["avd"], 0), _cell(row["hd95"], 1)]
            cells += [_cell(row["recall"], 2), _cell(row["f1"], 2)]
            lines.append(f"| {NAMES[patient]} | {setting} | {' | '.join(cells)} |")
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
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    torch.manual_seed(0)
    plans = {
        "tuned, 1 slice": (1, options.iterations),
        "tuned, 2 slices": (2, options.iterations),
        "tuned, all lesion slices of one half": (None, options.iterations),
    }
    results = {}
    for source in SOURCES:
        if source.name in options.patients:
            results[source.name] = judge(source, options.data, options.models, plans)
            print(as_markdown({source.name: results[source.name]}), flush=True)
    print(as_markdown(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
