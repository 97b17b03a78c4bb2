"""Real examinations tuned on some slices of one half: what the verdict goes by, and the truth on the other half."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import Source
from brain_examinations import read_corrected
from judge_brain_model import model_without
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.case.annotation import Annotation
from PatientSpecificTuningLib.engine.case.examination_record import ExaminationRecord
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.prepared import FEATURES
from PatientSpecificTuningLib.engine.network.prepared import PreparedExamination
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.slice_proposal import propose_slices
from PatientSpecificTuningLib.engine.tuning.tuning import tune
from PatientSpecificTuningLib.engine.verdict.leave_out import LeftOut
from PatientSpecificTuningLib.engine.verdict.leave_out import folds_of
from PatientSpecificTuningLib.engine.verdict.leave_out import leave_slices_out
from PatientSpecificTuningLib.engine.verdict.leave_out import part_of_lesions

LONGITUDINAL = "open_ms_longitudinal/patient12"
# Semi-automatic masks, of no expert.
SILVER = tuple(
    Source(
        f"12{name[0]}",
        LONGITUDINAL,
        f"{name}_FLAIR.nii.gz",
        f"{name}_T1.nii.gz",
        f"{name}_lesion_silver.nii.gz",
    )
    for name in ("baseline", "followup")
)
# The middle of the head: most of the lesions at half of the cost.
MOST_SLICES = 24
EXAMINATIONS = {source.name: source for source in (*SOURCES, *MS3SEG, *SILVER) if source.lesions}
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Trial:
    """One examination tuned on some slices, masks bool (Z, Y, X).

    Attributes:
        known: lesions by the expert.
        slices: the corrected slices, all of them even.
        judged: those of them that could be left out.
        left_out_base: lesions of the base CNN on them.
        left_out_tuned: lesions of CNNs that had not seen the slice.
        base: lesions of the base CNN everywhere.
        tuned: lesions of the CNN that was tuned on all corrected slices.
        spacing: mm, (x, y, z).
    """

    known: Mask
    slices: NDArray[np.intp]
    judged: NDArray[np.intp]
    left_out_base: Mask
    left_out_tuned: Mask
    base: Mask
    tuned: Mask
    spacing: NDArray[np.float64]

    @property
    def left_out(self) -> LeftOut:
        """As the verdict takes it, of the slices that may be left out by its rule."""
        slices = [int(z) for z in self.slices]
        groups = folds_of(slices, self.known)
        judged = tuple(sorted(z for group in groups for z in group))
        seen = np.zeros_like(self.known)
        seen[list(judged)] = True
        part = part_of_lesions(judged, slices, self.known)
        return LeftOut(judged, self.left_out_base & seen, self.left_out_tuned & seen, len(groups), part)

    @property
    def other_half(self) -> NDArray[np.intp]:
        """The odd slices, of which nothing was seen."""
        return np.arange(1, self.known.shape[0], 2)


def trials(
    names: list[str], counts: list[int], data: Path, models: Path, work: Path
) -> Iterator[tuple[str, int, Trial]]:
    """Every examination with every number of corrected slices; what is in `work` is not computed again."""
    for name in names:
        missing = [count for count in counts if not _file(work, name, count).is_file()]
        if missing:
            work.mkdir(parents=True, exist_ok=True)
            for count, trial in _computed(EXAMINATIONS[name], missing, data, models):
                np.savez_compressed(_file(work, name, count), **vars(trial))
        for count in counts:
            if _file(work, name, count).is_file():
                with np.load(_file(work, name, count)) as values:
                    yield name, count, Trial(**{key: values[key] for key in values.files})


def _file(work: Path, name: str, count: int) -> Path:
    return work / f"{name}-{count}.npz"


def _network(name: str, models: Path) -> DualPathwayNetwork:
    """Weights that did not learn from the patient; the shipped ones have not learned from the pair with silver masks."""
    folder = choose_model(None) if name in {source.name for source in SILVER} else model_without(name, models)
    return load_model(folder)[1]


def _computed(source: Source, counts: list[int], data: Path, models: Path) -> Iterator[tuple[int, Trial]]:
    network = _network(source.name, models)
    scan = read_corrected(source, data)
    examination = scan.training_examination(network.card)
    middle = _middle(examination.organ)
    images = examination.images[:, middle].astype(np.float32)
    organ, lesions = examination.organ[middle], examination.lesions[middle]
    settings = TuningSettings.of(read_model_card(choose_model(None)))
    even = organ.copy()
    even[1::2] = False
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = compute_features(network, images, organ, folder / FEATURES)
        base = predict_probability(network.head, store)
        grid = Grid(organ.shape[::-1], scan.spacing, (0.0, 0.0, 0.0), tuple(np.eye(3).ravel().tolist()))
        # Nothing of the verdict asks where the examination came from; features of every voxel are kept.
        record = ExaminationRecord({}, None, grid, grid, {})
        prepared = PreparedExamination(source.name, folder, record, images, organ, base)
        # As the panel proposes, whether they show a lesion or not, but the best one does: else nothing is learned.
        proposals = [p.slice for p in propose_slices(base, even, count=None)]
        first = propose_slices(base, even, count=1, among="lesion", lesion_labels=lesions & even)[0].slice
        order = [first, *(z for z in proposals if z != first)]
        for count in counts:
            slices = sorted(order[:count])
            annotation = Annotation(lesions, tuple(slices))
            left_out = leave_slices_out(network, prepared, annotation, settings, folder / "patches")
            examination_and_slices, patches = (network, images, organ, lesions, slices), folder / "patches"
            tuned = tune(*examination_and_slices, settings, stored=store, patch_folder=patches)
            probability = predict_probability(tuned_head(network, tuned), store)
            yield count, _trial(network, lesions, organ, slices, left_out, base, probability, scan.spacing)


def _middle(organ: Mask) -> slice:
    """The middle slices of an organ that has more than `MOST_SLICES`."""
    shown = np.flatnonzero(organ.any(axis=(1, 2)))
    first = max(int(shown[0]), int(shown[0] + shown[-1] + 1 - MOST_SLICES) // 2)
    return slice(first, min(int(shown[-1]) + 1, first + MOST_SLICES))


def _trial(
    network: DualPathwayNetwork,
    lesions: Mask,
    organ: Mask,
    slices: list[int],
    left_out: LeftOut,
    base: NDArray[np.float32],
    tuned: NDArray[np.float32],
    spacing: tuple[float, float, float],
) -> Trial:
    processing = network.card.post_processing
    return Trial(
        lesions,
        np.array(slices),
        np.array(left_out.slices, dtype=int),
        left_out.base,
        left_out.tuned,
        binarize(base, organ, processing),
        binarize(tuned, organ, processing),
        np.array(spacing),
    )
