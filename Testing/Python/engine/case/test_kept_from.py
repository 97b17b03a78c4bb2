"""Features are kept where a lesion is possible: fewer of them, the same lesions, and earlier cases still open."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.examination_record import ExaminationRecord
from PatientSpecificTuningLib.engine.network.prepared import open_examination

POSSIBLE = 0.4


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Case]:
    """A tiny patient whose whole organ is kept, and one with only what may be a lesion."""
    root = tmp_path_factory.mktemp("kept")
    patient = write_patient(root / "patient")
    model = write_tiny_model(root / "model")
    files = {
        name: {sequence: patient / f"{name}_{sequence}.nii.gz" for sequence in ("FLAIR", "T1")}
        for name in ("baseline", "followup")
    }
    masks = {f"{name}_mask": patient / f"{name}_brain_mask.nii.gz" for name in files}
    options = {"model": model, "registration": "none", **masks}
    return {
        least: workflow.prepare(root / str(least), **files, **options, kept_from=least)
        for least in (0.0, POSSIBLE)
    }


def test_features_are_kept_only_where_a_lesion_is_possible(cases: dict[float, Case]) -> None:
    every, possible = (open_examination(cases[least], "followup") for least in (0.0, POSSIBLE))
    assert len(every.features()) == np.count_nonzero(every.organ_mask)
    np.testing.assert_array_equal(every.base_probability, possible.base_probability)
    wanted = every.organ_mask & (every.base_probability >= POSSIBLE)
    np.testing.assert_array_equal(possible.features().kept, wanted)
    assert 0 < len(possible.features()) < len(every.features())


@pytest.mark.parametrize("repetitions", [0, 4])
def test_the_lesions_are_the_same(cases: dict[float, Case], repetitions: int) -> None:
    results = [workflow.segment(case, weights="base", repetitions=repetitions) for case in cases.values()]
    first, second = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(result.folder / "labelmap.nii.gz"))) for result in results
    )
    assert first.any()
    np.testing.assert_array_equal(first, second)


def test_cases_of_earlier_versions_keep_all(cases: dict[float, Case]) -> None:
    record = cases[POSSIBLE].record("baseline")
    assert record.kept_from == POSSIBLE
    earlier = {name: value for name, value in record.to_dict().items() if name != "kept_from"}
    assert ExaminationRecord.from_dict(earlier).kept_from == 0.0
