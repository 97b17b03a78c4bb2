"""Train the brain model that ships, or the same recipe with some patients held out to be judged.

First the network sees only pasted lesions on two scans of patients who are never judged, then the real
examinations with expert labels together with pasted ones. The first part is shared by all hold-outs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from brain_examinations import SOURCES
from brain_examinations import real_and_pasted
from PatientSpecificTuningLib.engine.base_training import BaseTraining
from PatientSpecificTuningLib.engine.base_training import TrainingExamination
from PatientSpecificTuningLib.engine.base_training import TrainingSettings
from PatientSpecificTuningLib.engine.model_card import ModelCard
from PatientSpecificTuningLib.engine.model_folder import load_model
from PatientSpecificTuningLib.engine.model_folder import save_model
from PatientSpecificTuningLib.engine.network import DualPathwayNetwork

JUDGED = tuple(source.name for source in SOURCES if source.lesions)


def settings(iterations: int, learning_rate: float, schedule: str) -> TrainingSettings:
    """The recipe; it departs from the paper's in learning rate, augmentation and weight averaging."""
    return TrainingSettings(
        iterations=iterations,
        learning_rate=learning_rate,
        schedule=schedule,
        varied=True,
        lesion_centred=0.5,
        all_slices=0.2,
        averaging=0.99,
        drop_probability=0.08,
        weight_decay=0.01,
    )


def train(
    name: str,
    examinations: list[TrainingExamination],
    chosen: TrainingSettings,
    work: Path,
    *,
    start_from: DualPathwayNetwork | None = None,
) -> DualPathwayNetwork:
    """Train one part with a progress bar; an interrupted part continues from its checkpoint."""
    card = ModelCard(name=name, missing_sequences=("T1",))
    cuda = torch.cuda.is_available()
    training = BaseTraining(
        card,
        examinations,
        chosen,
        start_from=start_from,
        device="cuda" if cuda else "cpu",
        bf16=cuda or torch.cpu._is_avx512_bf16_supported(),
    )
    with tqdm(total=chosen.iterations, desc=name) as bar:

        def report(progress) -> None:
            bar.n = progress.iteration
            bar.set_postfix(loss=f"{sum(progress.losses[-25:]) / len(progress.losses[-25:]):.3f}")

        network = training.run(checkpoint=work / f"{name}.checkpoint.safetensors", report=report)
    save_model(work / name, card, network)
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for checkpoints and the trained model"
    )
    parser.add_argument(
        "--hold-out", nargs="*", default=[], choices=JUDGED, help="patients that are not learned from"
    )
    parser.add_argument("--first", type=int, default=400, help="iterations on pasted lesions alone")
    parser.add_argument("--second", type=int, default=1500, help="iterations on real and pasted lesions")
    options = parser.parse_args()
    first = options.work / "pasted"
    if not (first / "model.json").is_file():
        _, synthetic = real_and_pasted(options.data, JUDGED)
        train("pasted", synthetic, settings(options.first, 1.2e-3, "constant"), options.work)
    real, synthetic = real_and_pasted(options.data, options.hold_out)
    name = "-".join(["without", *options.hold_out]) if options.hold_out else "all"
    _, start = load_model(first)
    train(
        name, real + synthetic, settings(options.second, 1.2e-3, "one-cycle"), options.work, start_from=start
    )


if __name__ == "__main__":
    main()
