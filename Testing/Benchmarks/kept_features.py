"""What it costs to keep features only where the base CNN's softmax reaches a bound: of real examinations, by expert masks.

Each examination is tuned on the even slices with most lesion voxels; Dice is that of the odd slices, with every voxel of
the organ and with those that are kept. Lesion voxels that are lost are counted apart from false ones.

    python Testing/environment.py Testing/Benchmarks/kept_features.py --data FOLDER
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Training"))

from brain_examinations import read_corrected
from effort_patients import SOURCE_OF
from effort_patients import unseen_model
from judge_brain_model import HELD_OUT_MODELS
from judge_brain_model import NAMES
from PatientSpecificTuningLib.engine.judging.metrics import dice
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune

BOUNDS = (1e-4, 1e-3, 1e-2)
MOST_SLICES = 60


@dataclass(frozen=True)
class Row:
    """One examination tuned on some slices, with one bound.

    Attributes:
        kept: part of the organ's voxels whose features are kept.
        lost: voxels that the tuned CNN marks below the bound; true_lost: those that the expert marked too.
        dice_all, dice_kept: of the odd slices.
    """

    examination: str
    slices: int
    bound: float
    kept: float
    marked: int
    lost: int
    true_lost: int
    dice_all: float
    dice_kept: float

    def __str__(self) -> str:
        """The row of the table."""
        return (
            f"| {self.examination} | {self.slices} | {self.bound:g} | {self.kept:.0%} | {self.lost} of {self.marked}"
            f" | {self.true_lost} | {self.dice_all:.3f} | {self.dice_kept:.3f} |"
        )


TITLE = (
    "| examination | corrected slices | softmax from | voxels kept | lesion voxels not found | of these true"
    " | Dice, all | Dice, kept |\n|---|---|---|---|---|---|---|---|"
)


def measured(name: str, counts: list[int], data: Path, models: Path) -> list[Row]:
    """Rows of one examination by weights that have not seen the patient."""
    _card, network = load_model(unseen_model(name, models))
    settings = TuningSettings.of(read_model_card(choose_model(None)))
    examination = read_corrected(SOURCE_OF[name], data).training_examination(network.card)
    part = _middle(examination.organ)
    images = np.ascontiguousarray(examination.images[:, part], dtype=np.float32)
    organ, lesions = examination.organ[part], examination.lesions[part]
    processing, rows = network.card.post_processing, []
    with TemporaryDirectory(ignore_cleanup_errors=True) as name_of_folder:
        folder = Path(name_of_folder)
        store = compute_features(network, images, organ, folder / "features.npy")
        base = predict_probability(network.head, store)
        areas = np.count_nonzero(lesions, axis=(1, 2))
        areas[1::2] = 0
        for count in counts:
            slices = sorted(np.argsort(areas)[-count:].tolist())
            examination_and_slices, patches = (network, images, organ, lesions, slices), folder / "patches"
            tuned = tune(*examination_and_slices, settings, stored=store, patch_folder=patches)
            found = predict_probability(tuned_head(network, tuned), store)
            marked = binarize(found, organ, processing)
            for bound in BOUNDS:
                low = organ & (base < bound)
                kept = binarize(np.where(low, 0, found), organ, processing)
                gone = marked & ~kept
                rows.append(
                    Row(
                        NAMES[name],
                        count,
                        bound,
                        1 - np.count_nonzero(low) / np.count_nonzero(organ),
                        int(marked.sum()),
                        int(gone.sum()),
                        int((gone & lesions).sum()),
                        dice(lesions[1::2], marked[1::2]) or 0.0,
                        dice(lesions[1::2], kept[1::2]) or 0.0,
                    )
                )
    return rows


def _middle(organ: NDArray[np.bool_]) -> slice:
    """The middle slices of a scan that has more than `MOST_SLICES`."""
    first = max(0, (len(organ) - MOST_SLICES) // 2)
    return slice(first, first + MOST_SLICES)


def main() -> None:
    """Measure and print the table row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--models", type=Path, default=HELD_OUT_MODELS, help="weights named without-PATIENT")
    parser.add_argument("--patients", nargs="*", default=list(SOURCE_OF), choices=list(SOURCE_OF))
    parser.add_argument("--slices", nargs="*", type=int, default=[2, 6], help="numbers of corrected slices")
    options = parser.parse_args()
    print(TITLE)
    for name in options.patients:
        for row in measured(name, options.slices, options.data, options.models):
            print(row, flush=True)


if __name__ == "__main__":
    main()
