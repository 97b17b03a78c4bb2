"""Train the liver model that ships, on phantom patients alone; an interrupted training goes on from its checkpoint."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from liver_examinations import LEARNED_SEEDS
from liver_examinations import learned_examinations
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import Normalization
from PatientSpecificTuningLib.engine.model.card import Pathway
from PatientSpecificTuningLib.engine.model.card import PostProcessing
from PatientSpecificTuningLib.engine.network.model_choice import MODELS
from PatientSpecificTuningLib.engine.network.model_folder import save_model
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import SPACING_MM
from PatientSpecificTuningLib.engine.phantoms.liver.tissue_signal import B_VALUES
from PatientSpecificTuningLib.engine.phantoms.liver.tissue_signal import PHASES
from PatientSpecificTuningLib.engine.training.base_training import BaseTraining
from PatientSpecificTuningLib.engine.training.settings import TrainingSettings
from training_bar import training_bar

# Departs from the paper's 10,000 iterations at 1e-4, which take most of a day without a GPU.
SETTINGS = TrainingSettings(
    iterations=900,
    learning_rate=1.2e-3,
    schedule="one-cycle",
    varied=True,
    lesion_centred=0.4,
    all_slices=0.35,
    averaging=0.99,
    weight_decay=0.01,
)

CARD = ModelCard(
    name="Liver metastases (DCE-MRI + DWI)",
    task="detection",
    organ="liver",
    # Pictures show the portal venous phase; the lowest b-value has the most signal to register by.
    pathways=(
        Pathway("DCE", PHASES, key_channel=9),
        Pathway("DWI", len(B_VALUES), channel_labels=tuple(f"b{b:g}" for b in B_VALUES), key_channel=1),
    ),
    # All of them, as the paper needs for the liver.
    proposed_slices=None,
    spacing_in_plane_mm=SPACING_MM[0],
    normalization=Normalization((0.1, 99.9)),
    # The paper corrects no bias field in the liver, where large metastases would be taken for one.
    bias_correction=False,
    post_processing=PostProcessing(opening=True),
    # Less than the paper's 5: at the equivalent thresholds of a half-trained network, three patients had 35 instead
    # of 49 false positives and 15 instead of 16 found metastases.
    class_weights=(1.0, 2.0),
    training={
        "data": f"both examinations of {len(LEARNED_SEEDS)} phantom patients (engine/phantoms/liver/phantom.py, seeds"
        f" {LEARNED_SEEDS[0]} to {LEARNED_SEEDS[-1]}); no scan of a patient",
        "recipe": f"Testing/Training/train_liver_model.py: {SETTINGS.iterations} iterations of {SETTINGS.batch_size}"
        f" patches of 128 x 128, AdamW, one-cycle learning rate up to {SETTINGS.learning_rate:g}, averaged weights,"
        " augmentation of intensity, noise, bias, scale, flips and rotation",
    },
    licence="Apache-2.0 (weights)",
    attribution=("Learned from phantoms made by formulas; no one's data was used.",),
    limits=(
        "Research use only; not a medical device and not for clinical decisions.",
        "Learned from phantoms alone and never judged on a scan of a patient: expect false and missed metastases on"
        " real examinations, and look at every result.",
        "Needs 16 phases at the times of the phantoms (native, five arterial, four portal venous, six later ones) and"
        " b-values of 10, 150 and 1000 s/mm2 at 1.5 T; other protocols are not covered.",
        "Cysts, haemangiomas, nodules, focal fat, shunts and ablation scars look like metastases in some patients; how"
        " often each is taken for one was not measured.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for phantoms and checkpoint")
    parser.add_argument("--output", type=Path, default=MODELS / "LiverMetastases", help="the model folder")
    options = parser.parse_args()
    cuda = torch.cuda.is_available()
    training = BaseTraining(
        CARD,
        learned_examinations(CARD, options.work),
        SETTINGS,
        device="cuda" if cuda else "cpu",
        bf16=cuda or torch.cpu._is_avx512_bf16_supported(),
    )
    with training_bar("liver", SETTINGS.iterations) as report:
        network = training.run(
            checkpoint=options.work / "liver.checkpoint.safetensors", every=50, report=report
        )
    save_model(options.output, CARD, network)


if __name__ == "__main__":
    main()
