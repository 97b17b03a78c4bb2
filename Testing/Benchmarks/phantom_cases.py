"""Phantom patients with three examinations as cases of the engine, with what became of every lesion; made once, kept.

Phantoms are those of the study's recipe, of numbers that the study does not use, so with anatomy, lesions and
appearance of their own. No weights have seen them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from change_truth import PhantomTruth
from change_truth import phantom_truth
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.cohort.brain_recipe import brain_patient
from PatientSpecificTuningLib.engine.files.atomic import replace_when_complete
from PatientSpecificTuningLib.engine.images.volumes import write_volume
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import PhantomExamination

EXAMINATIONS = ("earlier", "baseline", "followup")
# Slices about the ventricles, where most lesions lie; at both ends so many are not judged, since the poses differ.
SLAB, ENDS = slice(12, 40), 3
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PhantomCase:
    """One phantom patient on disk.

    Attributes:
        case: baseline and follow-up.
        earlier: a case whose baseline is an examination before that baseline.
        folder: holds EXAMINATION_lesions.nii.gz, the known lesions.
        truth: between baseline and follow-up, on the grid of the follow-up.
        judged: bool (Z, Y, X), the slices of the follow-up that are judged.
    """

    name: str
    case: Case
    earlier: Case
    folder: Path
    truth: PhantomTruth
    judged: Mask

    def lesions(self, examination: str) -> Path:
        """Known lesions of an examination."""
        return self.folder / f"{examination}_lesions.nii.gz"


def phantom_case(work: Path, number: int) -> PhantomCase:
    """The phantom patient of a number, made and prepared where `work` does not hold it yet."""
    name = f"phantom-{number}"
    folder = work / name
    truth = folder / "truth.npz"
    if not truth.is_file():
        _write(folder, number)
    values = np.load(truth)
    known = PhantomTruth(values["numbers"], values["before"], values["after"], list(values["fates"]))
    judged = np.zeros(known.before.shape, dtype=bool)
    judged[ENDS:-ENDS] = True
    cases = [
        workflow.prepare(folder / "case", **_files(folder, baseline="baseline", followup="followup")),
        workflow.prepare(folder / "earlier", **_files(folder, baseline="earlier")),
    ]
    return PhantomCase(name, *cases, folder, known, judged)


def _files(folder: Path, **examinations: str) -> dict[str, object]:
    files: dict[str, object] = {}
    for role, name in examinations.items():
        files[role] = {s: folder / f"{name}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        files[f"{role}_mask"] = folder / f"{name}_brain_mask.nii.gz"
    return files


def _write(folder: Path, number: int) -> None:
    patient, _description = brain_patient(number, examinations=len(EXAMINATIONS))
    for name, examination in zip(EXAMINATIONS, patient.examinations, strict=True):
        for role, image in _images(examination).items():
            write_volume(image[:, :, SLAB], folder / f"{name}_{role}.nii.gz")
    truth = phantom_truth(patient, 1, 2)
    parts = {name: getattr(truth, name)[SLAB] for name in ("numbers", "before", "after")}
    with replace_when_complete(folder / "truth.npz") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, fates=truth.fates, **parts)


def _images(examination: PhantomExamination) -> dict[str, sitk.Image]:
    return {
        "FLAIR": examination.flair,
        "T1": examination.t1,
        "brain_mask": examination.brain_mask,
        "lesions": examination.lesions,
    }
