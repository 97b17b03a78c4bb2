"""What the images of both examinations show is found once, and anew where one of them or the transform is another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.lesions.both_images import BothImages
from PatientSpecificTuningLib.engine.lesions.both_images import images_of_both
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.model_choice import model_of_case
from PatientSpecificTuningLib.engine.network.prepared import open_examination


@pytest.fixture
def case(tmp_path: Path) -> Case:
    patient, model = write_patient(tmp_path / "patient"), write_tiny_model(tmp_path / "model")
    files = {n: {s: patient / f"{n}_{s}.nii.gz" for s in ("FLAIR", "T1")} for n in ("baseline", "followup")}
    masks = {f"{name}_mask": patient / f"{name}_brain_mask.nii.gz" for name in files}
    return workflow.prepare(tmp_path / "case", **files, **masks, model=model, registration="none")


def both(case: Case, shift_mm: float = 0.0) -> BothImages:
    examinations = [open_examination(case, name) for name in ("baseline", "followup")]
    transform = sitk.TranslationTransform(3, (shift_mm, 0.0, 0.0))
    return images_of_both(read_model_card(model_of_case(case)), *examinations, transform)


def test_the_second_time_it_is_remembered_and_cannot_be_written_to(case: Case) -> None:
    first = both(case)
    assert both(case) is first
    assert first.brightened is not None
    with pytest.raises(ValueError, match="read-only"):
        first.brightened[0] = 1


def test_another_transform_gives_another_difference(case: Case) -> None:
    first, moved = both(case), both(case, shift_mm=2.0)
    assert np.array_equal(moved.organ, first.organ)
    assert not np.array_equal(moved.brightened, first.brightened)
    assert np.array_equal(both(case).brightened, first.brightened)


def test_an_image_that_was_replaced_is_looked_at_anew(case: Case) -> None:
    first = both(case)
    path = case.examination_folder("followup") / "images.npy"
    images = np.load(path)
    images[0, 1, 20:24, 20:24] += 2
    np.save(path, images)
    assert not np.array_equal(both(case).brightened, first.brightened)
