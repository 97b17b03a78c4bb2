"""What correcting costs the user, and what it brings: Dice against voxels and strokes, with and without live tuning.

A simulated user with the expert's mask corrects slice after slice of real examinations, each until it is right. Without
live tuning every slice starts from what the base CNN found; with it, from what a CNN finds that was tuned on all slices
corrected before. Both are counted as they are, and after the user has let the CNN mark more or less of the slice, at the
best position of the panel's slider. After each slice the CNN tuned so far is judged on slices that are never corrected: the other half of
the examination, or the follow-up of a pair. Fine-tuning runs on stored features, without rotated patches.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent))

from effort_patients import PATIENTS
from effort_patients import Patient
from effort_patients import Scan
from effort_patients import opened_patient
from judge_brain_model import HELD_OUT_MODELS
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.lesions.shifted_slice import LARGEST_SHIFT
from PatientSpecificTuningLib.engine.lesions.shifted_slice import shifted_slice
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.network import Head
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.slice_proposal import DISTANCE_MM
from PatientSpecificTuningLib.engine.tuning.slice_proposal import GAIN
from PatientSpecificTuningLib.engine.tuning.slice_proposal import PAPER
from PatientSpecificTuningLib.engine.tuning.slice_proposal import propose_slices
from stored_tuning import tune_on_stored

# What fewer pixels cost in Dice is in the README's table of shortcuts.
SETTINGS = {"rotation_degrees": 0.0, "pixels_per_iteration": 4096}
# Criterion and distance in mm; the second is how the panel proposes.
CHOICES = {"paper": (PAPER, None), "apart": (PAPER, DISTANCE_MM), "gain": (GAIN, None)}
# The positions of the panel's slider.
SHIFTS = np.arange(-LARGEST_SHIFT, LARGEST_SHIFT + 0.25, 0.5).tolist()
EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=int)


@dataclass(frozen=True)
class Step:
    """One corrected slice.

    Attributes:
        voxels: how many had to be changed; strokes: in how many connected pieces, painted or erased.
        shifted_voxels, shifted_strokes: the same with the slider, whose move counts as one stroke.
        base_...: the same, had the slice started from what the base CNN found.
        dice: of the CNN tuned on all slices up to this one, on what is never corrected; None where undefined.
    """

    slice: int
    voxels: int
    strokes: int
    shifted_voxels: int
    shifted_strokes: int
    base_voxels: int
    base_strokes: int
    base_shifted_voxels: int
    base_shifted_strokes: int
    dice: float | None


class Tuner:
    """Tunes on slices and remembers what each set of slices gave."""

    def __init__(self, patient: Patient, settings: TuningSettings) -> None:
        self._patient, self._settings = patient, settings
        self._known: dict[tuple[int, ...], tuple[NDArray[np.float32], float | None]] = {}
        self.base = self._judged(patient.network.head)

    def tuned(self, slices: list[int]) -> tuple[NDArray[np.float32], float | None]:
        """Lesion softmax of the corrected examination, and Dice on what is judged."""
        key = tuple(sorted(slices))
        if key not in self._known:
            self._known[key] = self._tuned(key)
        return self._known[key]

    def _tuned(self, slices: tuple[int, ...]) -> tuple[NDArray[np.float32], float | None]:
        scan, network = self._patient.corrected, self._patient.network
        if not scan.lesions[list(slices)].any():
            # Nothing can be learned without a lesion; the base CNN stays.
            return self.base
        return self._judged(tune_on_stored(network, scan.store, scan.lesions, slices, self._settings))

    def _judged(self, head: Head) -> tuple[NDArray[np.float32], float | None]:
        patient = self._patient
        probability = predict_probability(head, patient.corrected.store)
        judged = patient.judged
        same = judged is patient.corrected
        found = self.lesions(probability if same else predict_probability(head, judged.store), judged)
        metrics = segmentation_metrics(judged.lesions, found, judged.spacing, slices=patient.judged_slices)
        return probability, metrics.dice

    def lesions(self, probability: NDArray[np.float32], scan: Scan) -> NDArray[np.bool_]:
        """What is shown to the user."""
        return binarize(probability, scan.organ, self._patient.network.card.post_processing)

    def efforts(
        self, probability: NDArray[np.float32], scan: Scan, position: int
    ) -> tuple[int, int, int, int]:
        """Voxels and strokes of a slice that starts from what is shown, then the same at the slider's best position."""
        processing, expert = self._patient.network.card.post_processing, scan.lesions[position]
        costs = {
            shift: effort(shifted_slice(probability, scan.organ, processing, position, shift), expert)
            for shift in SHIFTS
        }
        voxels, strokes = min((cost[0], cost[1] + (shift != 0)) for shift, cost in costs.items())
        return *costs[0.0], voxels, strokes


def effort(shown: NDArray[np.bool_], expert: NDArray[np.bool_]) -> tuple[int, int]:
    """Voxels of a slice (Y, X) that differ, and in how many connected pieces they are painted or erased."""
    missing, false = expert & ~shown, shown & ~expert
    strokes = sum(ndimage.label(part, structure=EIGHT_NEIGHBOURS)[1] for part in (missing, false))
    return int(np.count_nonzero(missing | false)), int(strokes)


def corrected(patient: Patient, tuner: Tuner, choice: str, *, live: bool, slices: int) -> list[Step]:
    """What every slice cost, one after the other."""
    scan = patient.corrected
    criterion, distance_mm = CHOICES[choice]
    base = tuner.base[0]
    offered = scan.organ & patient.offered[:, None, None]
    shown, steps = base, []
    for _ in range(min(slices, np.count_nonzero(offered.any(axis=(1, 2))))):
        # The paper's order is that of the base CNN; the other one follows what was learned.
        known = base if criterion == PAPER else shown
        done = [step.slice for step in steps]
        proposal = propose_slices(
            known,
            offered,
            count=1,
            criterion=criterion,
            corrected=done,
            slice_mm=scan.spacing[2],
            distance_mm=distance_mm,
        )[0]
        z = proposal.slice
        costs = [tuner.efforts(softmax, scan, z) for softmax in (shown, base)]
        tuned, dice = tuner.tuned([*done, z])
        steps.append(Step(z, *costs[0], *costs[1], dice))
        shown = tuned if live else base
    return steps


def measured(
    name: str,
    data: Path,
    models: Path,
    settings: TuningSettings,
    slices: int,
    slab: int | None,
    say: Callable[[str], None],
) -> dict:
    """All runs of one patient."""
    with opened_patient(name, data, models, slab) as patient:
        tuner = Tuner(patient, settings)
        runs = {}
        for choice in CHOICES:
            for live in (False, True):
                steps = corrected(patient, tuner, choice, live=live, slices=slices)
                runs[run_name(choice, live=live)] = [asdict(step) for step in steps]
                say(f"{patient.title}: {run_name(choice, live=live)}: {summary(steps)}")
        return {"title": patient.title, "base_dice": tuner.base[1], "runs": runs}


def run_name(choice: str, *, live: bool) -> str:
    """Such as "gain, live"."""
    return f"{choice}, {'live' if live else 'base'}"


def summary(steps: list[Step]) -> str:
    """Voxels and Dice after each slice, on one line."""
    return " ".join(
        f"{s.slice}:{s.voxels}, {s.shifted_voxels} ({s.base_voxels}, {s.base_shifted_voxels})/{'n/a' if s.dice is None else f'{s.dice:.3f}'}"
        for s in steps
    )


def main() -> None:
    """Measure, and write the figures of every patient as soon as they are there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--models", type=Path, default=HELD_OUT_MODELS, help="weights named without-PATIENT")
    parser.add_argument("--patients", nargs="*", default=list(PATIENTS), choices=list(PATIENTS))
    parser.add_argument("--slices", type=int, default=6, help="how many slices are corrected")
    parser.add_argument("--slab", type=int, help="only so many slices round the middle of the lesion load")
    parser.add_argument("--json", type=Path, required=True, help="file of the figures; what it has is kept")
    options = parser.parse_args()
    settings = TuningSettings.of(read_model_card(choose_model(None)), **SETTINGS)
    results = json.loads(options.json.read_text(encoding="utf-8")) if options.json.is_file() else {}
    for name in options.patients:
        if name not in results:
            results[name] = measured(
                name,
                options.data,
                options.models,
                settings,
                options.slices,
                options.slab,
                lambda line: print(line, flush=True),
            )
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
