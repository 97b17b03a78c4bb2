"""Train the brain model that ships, or the same recipe with some patients held out to be judged.

First the network sees only lesions pasted on two scans of patients who are never judged, then the real
examinations with expert labels together with pasted ones. The first stage is shared by all hold-outs.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from brain_examinations import SOURCES
from brain_examinations import Corrected
from brain_examinations import read_scans
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import Normalization
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.model_folder import save_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.training.base_training import BaseTraining
from PatientSpecificTuningLib.engine.training.settings import TrainingSettings
from training_bar import training_bar

JUDGED = tuple(source.name for source in SOURCES if source.lesions)
FEW_LESION_VOXELS = 1000


@dataclass(frozen=True)
class Stage:
    """One part of the recipe; it departs from the paper's in learning rate, augmentation and weight averaging.

    Attributes:
        iterations: for the weights that ship, and for weights that judge held-out patients.
        lesion_weight: weight of lesion pixels in the loss; the paper's 5 marks too much at a softmax of 0.5.
        highest_percentile: where bright intensities are clipped; 99.5 cuts half of the lesions of a patient with
            a low load.
        few_lesions_weight: how often patients with next to no lesions are drawn, 1.5 for the others.
    """

    name: str
    iterations: tuple[int, int]
    learning_rate: float
    schedule: str = "one-cycle"
    lesion_weight: float = 2.0
    highest_percentile: float = 99.98
    all_slices: float = 0.35
    few_lesions_weight: float = 1.0

    def card(self) -> ModelCard:
        """The model card of this stage."""
        return ModelCard(
            name=self.name,
            missing_sequences=("T1",),
            class_weights=(1.0, self.lesion_weight),
            normalization=Normalization((0.5, self.highest_percentile)),
        )

    def settings(self, *, judging: bool) -> TrainingSettings:
        """The settings of this stage."""
        return TrainingSettings(
            iterations=self.iterations[judging],
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            varied=True,
            lesion_centred=0.5,
            all_slices=self.all_slices,
            averaging=0.99,
            drop_probability=0.08,
            weight_decay=0.01,
        )


PASTED = Stage("pasted", (400, 400), 1.2e-3, "constant", 5.0, 99.5, 0.2)
REAL = (
    Stage("paper-weights", (500, 260), 1.2e-3, "one-cycle", 5.0, 99.5, 0.2, 0.5),
    Stage("even-weights", (600, 500), 7e-4, highest_percentile=99.5),
    Stage("full-range", (500, 400), 1e-3),
)


def train(
    stage: Stage,
    name: str,
    scans: list[tuple[Corrected, float]],
    work: Path,
    *,
    judging: bool,
    start_from: DualPathwayNetwork | None = None,
) -> DualPathwayNetwork:
    """Train one stage; an interrupted stage continues from its checkpoint.

    Args:
        scans: with the weight by which each is drawn.
    """
    card, chosen = stage.card(), stage.settings(judging=judging)
    if (work / name / "model.json").is_file():
        return load_model(work / name)[1]
    cuda = torch.cuda.is_available()
    training = BaseTraining(
        card,
        [scan.training_examination(card, weight) for scan, weight in scans],
        chosen,
        start_from=start_from,
        device="cuda" if cuda else "cpu",
        bf16=cuda or torch.cpu._is_avx512_bf16_supported(),
    )
    with training_bar(name, chosen.iterations) as report:
        network = training.run(checkpoint=work / f"{name}.checkpoint.safetensors", report=report)
    save_model(work / name, card, network)
    return network


def weighted(
    real: list[Corrected], synthetic: list[Corrected], stage: Stage
) -> list[tuple[Corrected, float]]:
    """Every scan with the weight by which it is drawn: real ones with many lesions most often."""

    def weight(scan: Corrected) -> float:
        if not scan.lesions.any():
            return 0.3
        return stage.few_lesions_weight if scan.lesions.sum() < FEW_LESION_VOXELS else 1.5

    return [(scan, weight(scan)) for scan in real] + [(scan, 0.12) for scan in synthetic]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for checkpoints and the trained models"
    )
    parser.add_argument(
        "--hold-out", nargs="*", default=[], choices=JUDGED, help="patients that are not learned from"
    )
    options = parser.parse_args()
    _, never_judged = read_scans(options.data, JUDGED)
    judging = bool(options.hold_out)
    scans = [(scan, 1.0) for scan in never_judged]
    network = train(PASTED, PASTED.name, scans, options.work, judging=judging)
    real, synthetic = read_scans(options.data, options.hold_out)
    whose = "-".join(["without", *options.hold_out]) if judging else "all"
    for stage in REAL:
        scans = weighted(real, synthetic, stage)
        name = f"{whose}-{stage.name}"
        network = train(stage, name, scans, options.work, judging=judging, start_from=network)


if __name__ == "__main__":
    main()
