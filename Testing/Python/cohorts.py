"""Tiny cohorts as files on disk: patients with two examinations and their manifest."""

from __future__ import annotations

from pathlib import Path

from patients import write_examination
from PatientSpecificTuningLib.engine.study.design import Design
from PatientSpecificTuningLib.engine.study.design import Preparation
from PatientSpecificTuningLib.engine.study.study_folder import Study
from PatientSpecificTuningLib.engine.study.study_run import study_of_manifest

HEADER = "patient,examination,FLAIR,T1,organ_mask,lesions"
TINY_DESIGN = Design(iterations=(1, 2), reference_iterations=2, slice_counts=(1,), repetitions=2)


def row(patient: str, examination: str, /, **changes: str) -> str:
    """A row of a manifest for files as `write_cohort` names them."""
    stem = f"{patient}/{examination}"
    cells = {
        "patient": patient,
        "examination": examination,
        "FLAIR": f"{stem}_FLAIR.nii.gz",
        "T1": f"{stem}_T1.nii.gz",
        "organ_mask": f"{stem}_brain_mask.nii.gz",
        "lesions": f"{stem}_lesion_mask.nii.gz",
    }
    return ",".join((cells | changes).values())


def write_cohort(folder: Path, patients: int = 3) -> Path:
    """Tiny patients p1, p2, ... with bright lesions; returns their manifest."""
    rows = [HEADER]
    for number in range(1, patients + 1):
        for seed, name in enumerate(("baseline", "followup")):
            write_examination(folder / f"p{number}", name, seed=10 * number + seed)
            rows.append(row(f"p{number}", name))
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return manifest


def tiny_study(output: Path, manifest: Path, model: Path) -> Study:
    """A study of few iterations."""
    return study_of_manifest(output, manifest, TINY_DESIGN, Preparation(str(model), "none"))
