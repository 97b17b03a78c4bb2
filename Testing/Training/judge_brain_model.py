"""Judge the recipe on real patients that the judging weights never saw: base against patient-specific CNN.

Every patient is segmented with weights trained without that patient, whose folder is named after those left out
(without-A-B). The CNN is tuned on slices of one half of the examination (even slices) and judged on the other half
(odd slices); base and tuned CNN are judged on the same slices.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
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
from PatientSpecificTuningLib.engine.case.preparation import KEPT_FROM
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.network.features import FeatureStore
from PatientSpecificTuningLib.engine.network.features import open_features
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.network import Head
from PatientSpecificTuningLib.engine.network.prediction import compute_with_probability
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.slice_proposal import CRITERIA
from PatientSpecificTuningLib.engine.tuning.slice_proposal import DISTANCE_MM
from PatientSpecificTuningLib.engine.tuning.slice_proposal import PAPER
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
METRICS = ("dice", "avd", "hd95", "recall", "f1")


def model_without(patient: str, models: Path) -> Path:
    """The folder of the weights that were trained without this patient."""
    found = [folder for folder in models.iterdir() if patient in folder.name.split("-")]
    if len(found) != 1:
        message = f"{models} needs exactly one model trained without {patient}, it has {len(found)}."
        raise SystemExit(message)
    return found[0]


def slices_to_tune(
    probability: NDArray[np.float32],
    organ: NDArray[np.bool_],
    lesions: NDArray[np.bool_],
    count: int | None,
    slice_mm: float,
    criterion: str = PAPER,
) -> list[int]:
    """Lesion slices among the even ones, as the panel proposes them; `count` None takes all."""
    even = np.zeros(organ.shape[0], dtype=bool)
    even[::2] = True
    half = organ & even[:, None, None]
    proposals = propose_slices(
        probability,
        half,
        count=count,
        among="lesion",
        lesion_labels=lesions & half,
        criterion=criterion,
        slice_mm=slice_mm,
        distance_mm=DISTANCE_MM,
    )
    return [proposal.slice for proposal in proposals]


@dataclass(frozen=True)
class Plan:
    """One way to tune.

    Attributes:
        slices: number of slices, None for all lesion slices of the half.
        learning_rate, base_slices, logit_shift: None as the card of the model says.
        criterion: by which slices are proposed.
    """

    slices: int | None
    iterations: int
    learning_rate: float | None
    base_slices: float | None
    logit_shift: bool | None
    criterion: str = PAPER

    def settings(self, card: ModelCard) -> TuningSettings:
        """Settings of fine-tuning for a model."""
        chosen = {
            "learning_rate": self.learning_rate,
            "base_slices": self.base_slices,
            "logit_shift": self.logit_shift,
        }
        given = {name: value for name, value in chosen.items() if value is not None}
        return TuningSettings.of(card, iterations=self.iterations, **given)


@dataclass(frozen=True)
class Folders:
    """Where files are kept, None for nowhere.

    Attributes:
        cache: scans once their bias is corrected.
        features: features of scans and patches, so that other plans cost little.
        outputs: what both CNNs made of every patient, for `judge_outputs.py`.
    """

    cache: Path | None = None
    features: Path | None = None
    outputs: Path | None = None


def judge(
    source: Source, data: Path, model: Path, plans: dict[str, Plan], folders: Folders | None = None
) -> dict:
    """Metrics of the base CNN (all slices, odd slices) and of every tuning plan (odd slices)."""
    folders = folders or Folders()
    card, network = load_model(model)
    scan = read_corrected(source, data, folders.cache)
    examination = scan.training_examination(card)
    images, organ, lesions = examination.images.astype(np.float32), examination.organ, examination.lesions
    odd = list(range(1, organ.shape[0], 2))
    kept: dict[str, NDArray[np.generic]] = {}

    def measure(probability: NDArray[np.float32], slices: list[int] | None) -> dict:
        binary = binarize(probability, organ, card.post_processing)
        metrics = segmentation_metrics(lesions, binary, scan.spacing, slices=slices)
        return {name: getattr(metrics, name) for name in METRICS}

    def keep(name: str, head: Head, store: FeatureStore, probability: NDArray[np.float32]) -> None:
        if folders.outputs is not None:
            kept[name] = probability.astype(np.float16)
            kept[f"{name}, SD"] = monte_carlo_dropout(head, store)[1].astype(np.float16)

    with _kept_or_temporary(folders.features, f"{model.name}-{source.name}") as folder:
        base, store = _seen(network, images, organ, folder)
        keep("base", network.head, store, base)
        outcome = {"base, all slices": measure(base, None), "base": measure(base, odd)}
        for name, plan in plans.items():
            slices = slices_to_tune(base, organ, lesions, plan.slices, scan.spacing[2], plan.criterion)
            # Patches do not depend on learning rate and iterations, so their features are computed once.
            settings = plan.settings(card)
            examination_and_slices = (network, images, organ, lesions, slices)
            tuned = tune(*examination_and_slices, settings, stored=store, patch_folder=folder)
            head = tuned_head(network, tuned)
            probability = predict_probability(head, store)
            keep(name, head, store, probability)
            outcome[name] = measure(probability, odd) | {"slices": len(slices)}
    if folders.outputs is not None:
        folders.outputs.mkdir(parents=True, exist_ok=True)
        masks = {"organ": organ, "lesions": lesions, "normal": scan.normal}
        masks |= {"image": images[0].astype(np.float16), "spacing": np.array(scan.spacing)}
        np.savez_compressed(folders.outputs / f"{source.name}.npz", **masks, **kept)
    return outcome


def _seen(
    network: DualPathwayNetwork, images: NDArray[np.float32], organ: NDArray[np.bool_], folder: Path
) -> tuple[NDArray[np.float32], FeatureStore]:
    """Softmax of the base CNN and stored features as a case has them, from the folder where it has them already."""
    features, seen = (folder / f"{name}-{KEPT_FROM:g}.npy" for name in ("features", "base"))
    if not seen.is_file():
        np.save(seen, compute_with_probability(network, images, organ, features, kept_from=KEPT_FROM))
    base = np.load(seen)
    return base, open_features(features, organ & (base >= KEPT_FROM))


@contextmanager
def _kept_or_temporary(parent: Path | None, name: str) -> Iterator[Path]:
    if parent is None:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        (parent / name).mkdir(parents=True, exist_ok=True)
        yield parent / name


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
    parser.add_argument(
        "--learning-rates", type=float, nargs="*", default=[None], help="by default as the model's card says"
    )
    parser.add_argument(
        "--base-slices", type=float, nargs="*", default=[None], help="by default as the model's card says"
    )
    parser.add_argument(
        "--logit-shift",
        action=argparse.BooleanOptionalAction,
        help="whether the logit is shifted to where the slices ask for it, by default as the model's card says",
    )
    parser.add_argument(
        "--criteria",
        nargs="*",
        default=[PAPER],
        choices=CRITERIA,
        help="by which slices are proposed, 10 mm apart",
    )
    parser.add_argument(
        "--json", type=Path, help="folder for one file with the figures of each patient; what it has is kept"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps scans once their bias is corrected")
    parser.add_argument("--features", type=Path, help="folder that keeps features, for other plans")
    parser.add_argument(
        "--outputs", type=Path, help="folder for softmax and its SD of each patient, for judge_outputs.py"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    plans = planned(
        options.slices,
        options.iterations,
        options.learning_rates,
        options.base_slices,
        options.logit_shift,
        options.criteria,
    )
    folders = Folders(options.cache, options.features, options.outputs)
    results = {}
    for source in (*SOURCES, *MS3SEG):
        if source.name in options.patients:
            model = options.model or model_without(source.name, options.models)
            file = options.json and options.json / f"{source.name}.json"
            results[source.name] = _known(file, model, plans)
            if not results[source.name]:
                results[source.name] = judge(source, options.data, model, plans, folders)
            print(as_markdown({source.name: results[source.name]}), flush=True)
            if file:
                figures = {"model": model.name} | results[source.name]
                write_text(file, json.dumps(figures, indent=2) + "\n")
    print(as_markdown(results | means(results)))


def _known(file: Path | None, model: Path, plans: dict[str, Plan]) -> dict:
    """Figures of this model that were computed before, empty unless those of every plan are there."""
    if file is None or not file.is_file():
        return {}
    figures = json.loads(file.read_text(encoding="utf-8"))
    same = figures.pop("model") == model.name and set(plans) <= set(figures)
    return figures if same else {}


def planned(
    counts: list[str],
    iterations: list[int],
    rates: list[float | None],
    counted: list[float | None],
    logit_shift: bool | None,
    criteria: list[str],
) -> dict[str, Plan]:
    """Every combination, named by what differs from the default settings."""
    plans: dict[str, Plan] = {}
    for count, number, rate, base, criterion in product(counts, iterations, rates, counted, criteria):
        name = f"tuned, {count} slice(s)"
        name += f", {number} iterations" if len(iterations) > 1 else ""
        name += f", learning rate {rate:g}" if rate is not None and len(rates) > 1 else ""
        name += f", base as {base:g} slices" if base is not None and len(counted) > 1 else ""
        name += f", by {criterion}" if criterion != PAPER else ""
        plans[name] = Plan(None if count == "all" else int(count), number, rate, base, logit_shift, criterion)
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
