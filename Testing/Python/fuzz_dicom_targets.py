"""What the export to DICOM reads: headers of the images of a case, and the tables of its result."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from dicom_series import write_dicom_series
from mutations import mutated_bytes
from mutations import mutated_text
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.files.content_hash import content_hash
from PatientSpecificTuningLib.engine.images.dicom_identity import dicom_identity
from PatientSpecificTuningLib.engine.lesions.results import LESION_TABLE

Damage = Callable[[bytes, random.Random], bytes]


def dicom_export_targets(folder: Path) -> list[tuple[str, Path, Damage, Callable[[], object]]]:
    """Name, file, damage and reader; nothing where the packages of the export are not installed."""
    if find_spec("highdicom") is None or find_spec("pydicom") is None:
        return []
    patient = write_patient(folder / "patient")
    flair = write_dicom_series(patient / "followup_FLAIR.nii.gz", patient / "FLAIR", 1)
    t1 = write_dicom_series(patient / "followup_T1.nii.gz", patient / "T1", 2)
    case = workflow.prepare(
        folder / "case",
        followup={"FLAIR": flair, "T1": t1},
        followup_mask=patient / "followup_brain_mask.nii.gz",
        model=write_tiny_model(folder / "model", lesion_bias=0.3),
        registration="none",
    ).folder
    result = workflow.segment(case, repetitions=0)
    return [
        ("DICOM export's images", flair / "001.dcm", mutated_bytes, lambda: _images(case, flair)),
        (
            "DICOM export's lesions",
            result.folder / LESION_TABLE,
            mutated_text,
            lambda: review.export(case, folder / "export"),
        ),
    ]


def _images(case: Path, folder: Path) -> None:
    """Whoever makes a case can write the hash of any image into it."""
    from PatientSpecificTuningLib.engine.dicom.export import export_dicom

    dicom_identity(folder)
    opened = Case.open(case)
    record = opened.record("followup")
    sequences = {name: content_hash([folder], name) for name in record.sequences}
    opened.examinations["followup"] = dataclasses.replace(record, sequences=sequences)
    export_dicom(opened, workflow.result(opened), case.parent / "export")
