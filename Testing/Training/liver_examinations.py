"""The phantom liver examinations that the shipped model learned from, and those that judge it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PatientSpecificTuningLib.command_line.progress_bar import progress_bars
from PatientSpecificTuningLib.engine.files.atomic import replace_when_complete
from PatientSpecificTuningLib.engine.images.preprocessing import preprocess_examination
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import LiverExamination
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import make_liver_patient
from PatientSpecificTuningLib.engine.training.patch_sampler import TrainingExamination

LEARNED_SEEDS = tuple(range(1000, 1064))
# Patients of these seeds are never learned from; 1, 4 and 6 chose the class weights and do not judge.
JUDGED_SEEDS = (2, 3, 5, 7, 8, 9, 10)
EXAMINATIONS = ("baseline", "followup")


def prepared_patient(seed: int, card: ModelCard) -> dict[str, TrainingExamination]:
    """Both examinations of a phantom patient as the network sees them."""
    patient = make_liver_patient(seed)
    return {name: _prepared(getattr(patient, name), f"{seed} {name}", card) for name in EXAMINATIONS}


def learned_examinations(card: ModelCard, work: Path) -> list[TrainingExamination]:
    """All examinations that are learned from, kept in `work` once they are made."""
    examinations = []
    with progress_bars() as progress:
        for done, seed in enumerate(LEARNED_SEEDS):
            progress("Making phantoms", done / len(LEARNED_SEEDS))
            files = {name: work / "examinations" / f"{seed}-{name}.npz" for name in EXAMINATIONS}
            if not all(file.is_file() for file in files.values()):
                for name, examination in prepared_patient(seed, card).items():
                    _keep(examination, files[name])
            examinations += [_kept(f"{seed} {name}", file) for name, file in files.items()]
        progress("Making phantoms", 1.0)
    return examinations


def _prepared(examination: LiverExamination, name: str, card: ModelCard) -> TrainingExamination:
    sequences = [
        [sitk.Cast(volume, sitk.sitkFloat32) for volume in volumes]
        for volumes in (examination.dce, examination.dwi)
    ]
    prepared = preprocess_examination(name, sequences, examination.liver_mask, card, registration="none")
    lesions = sitk.GetArrayFromImage(examination.lesions) > 0
    return TrainingExamination(name, prepared.images, prepared.organ_mask, lesions)


def _keep(examination: TrainingExamination, file: Path) -> None:
    """Half-precision images cropped to the organ: patches are 0 outside it anyway."""
    inside = np.argwhere(examination.organ)
    first, last = inside.min(axis=0), inside.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    arrays = {
        "images": examination.images[:, *box].astype(np.float16),
        "organ": examination.organ[box],
        "lesions": examination.lesions[box],
    }
    with replace_when_complete(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def _kept(name: str, file: Path) -> TrainingExamination:
    with np.load(file) as arrays:
        return TrainingExamination(name, arrays["images"], arrays["organ"], arrays["lesions"])
