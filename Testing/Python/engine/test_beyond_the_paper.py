"""What the paper does not have, through the case folder: named in what it made, and left out where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders import detection_card
from patients import B_VALUES
from patients import write_liver_patient
from patients import write_model_of
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.lesions import uncertainty
from PatientSpecificTuningLib.engine.lesions.baseline_prior import NEW_LESION_PRIOR

QUICK = {"iterations": 20, "learning_rate": 1e-2}


def prepared(folder: Path, patient: Path, model: Path, *examinations: str) -> Case:
    files: dict[str, object] = {}
    for role, name in zip(("baseline", "followup"), examinations, strict=False):
        files[role] = {s: patient / f"{name}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        files[f"{role}_mask"] = patient / f"{name}_brain_mask.nii.gz"
    return workflow.prepare(folder, **files, model=model, registration="none", bias_correction=False)


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    return write_patient(tmp_path / "patient")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


@pytest.fixture
def case(tmp_path: Path, patient: Path, model: Path) -> Case:
    case = prepared(tmp_path / "case", patient, model, "baseline", "followup")
    workflow.annotate(case, patient / "baseline_lesion_mask.nii.gz", slices=[0])
    return case


@pytest.fixture
def other(tmp_path: Path, patient: Path, model: Path) -> Case:
    """A case whose baseline is another examination of the patient."""
    other = prepared(tmp_path / "other", patient, model, "followup")
    workflow.annotate(other, patient / "followup_lesion_mask.nii.gz", slices=[1])
    return other


def lesions(result: workflow.Result) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(result.labelmap))) > 0


def test_a_prior_only_adds_lesions_and_only_where_the_baseline_had_some(case: Case) -> None:
    workflow.tune(case, **QUICK)
    without = workflow.segment(case, repetitions=0)
    with_prior = workflow.segment(case, repetitions=0, baseline_prior=3.0)
    assert with_prior.number != without.number
    assert with_prior.run["priors"] == {"kept": 3.0, "risen": NEW_LESION_PRIOR}
    assert without.run["priors"] == {"kept": 0.0, "risen": NEW_LESION_PRIOR}
    assert workflow.segment(case, repetitions=0, new_lesion_prior=0.0).run["priors"] is None
    more = lesions(with_prior) & ~lesions(without)
    assert more.any()
    assert not (lesions(without) & ~lesions(with_prior)).any()
    earlier = sitk.GetArrayFromImage(sitk.ReadImage(str(with_prior.baseline_lesions))) > 0
    reached = np.zeros_like(earlier)
    for z, y, x in np.argwhere(earlier):
        # Closing by 3 x 3 x 3 joins what lies a voxel apart.
        reached[max(0, z - 1) : z + 2, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = True
    assert not (more & ~reached).any()
    assert workflow.segment(case, repetitions=0).number == without.number


def test_a_result_of_an_earlier_version_of_the_program_counts_as_one_without_a_prior(case: Case) -> None:
    first = workflow.segment(case, weights="base", repetitions=0, new_lesion_prior=0.0)
    path = first.folder / "run.json"
    values = json.loads(path.read_text())
    del values["priors"]
    path.write_text(json.dumps(values))
    again = workflow.segment(case, weights="base", repetitions=0, new_lesion_prior=0.0)
    assert again.number == first.number


def test_a_prior_without_a_baseline_to_compare_with_is_refused(case: Case) -> None:
    with pytest.raises(InputError, match="leave it out"):
        workflow.segment(case, examination="baseline", weights="base", repetitions=0, baseline_prior=1.0)
    baseline = workflow.segment(case, examination="baseline", weights="base", repetitions=0)
    assert baseline.run["priors"] is None


def test_new_lesions_have_no_prior_where_no_image_shows_lesions_as_bright(tmp_path: Path) -> None:
    folder = write_liver_patient(tmp_path / "liver")
    files: dict[str, object] = {}
    for role in ("baseline", "followup"):
        waves = [folder / f"{role}_DWI_b{b}.nii.gz" for b in B_VALUES]
        files[role] = {"DCE": folder / f"{role}_DCE.nii.gz", "DWI": waves}
        files[f"{role}_mask"] = folder / f"{role}_liver_mask.nii.gz"
    model = write_model_of(detection_card(registration="none"), tmp_path / "model")
    case = workflow.prepare(tmp_path / "case", **files, model=model)
    assert workflow.segment(case, repetitions=0).run["priors"] is None
    with pytest.raises(InputError, match="FLAIR of both examinations"):
        workflow.segment(case, repetitions=0, new_lesion_prior=1.0)


def test_a_faint_lesion_is_found_and_surely_new_where_logit_and_image_rose(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CNN stays below its threshold there; nothing else of the result changes."""
    shape = case.record("followup").working_grid.shape
    level = {"baseline": np.full(shape, -7.0), "followup": np.full(shape, -7.0)}
    place = (slice(1, 3), slice(20, 24), slice(20, 24))
    level["followup"][place] = -1.0
    stores = iter(["followup", "baseline"] * 2)

    def predicted(_head: object, _store: object, **_options: object) -> tuple[np.ndarray, np.ndarray]:
        softmax = 1 / (1 + np.exp(-level[next(stores)]))
        return softmax.astype(np.float32), np.full(shape, 0.5, np.float32)

    monkeypatch.setattr(uncertainty, "predict_with_deviation", predicted)
    images = np.load(case.examination_folder("followup") / "images.npy")
    earlier = np.load(case.examination_folder("baseline") / "images.npy")
    later = earlier + np.random.default_rng(0).normal(0, 0.05, images.shape).astype(np.float32)
    later[0][place] += 2.0
    np.save(case.examination_folder("followup") / "images.npy", later)
    plain = workflow.segment(case, weights="base", repetitions=0, new_lesion_prior=0.0)
    found = workflow.segment(case, weights="base", repetitions=0)
    assert not lesions(plain).any()
    assert lesions(found)[place].all()
    assert found.run["sure_change"] == {"new": 1}


def test_another_case_is_learned_from_and_named(case: Case, other: Case) -> None:
    alone = workflow.tune(case, **QUICK)
    together = workflow.tune(case, **QUICK, also=[other.folder])
    assert alone.number != together.number
    assert alone.provenance["also"] is None
    (entry,) = together.provenance["also"]
    assert entry["slices"] == [1]
    assert entry["baseline"] == other.record("baseline").fingerprint()
    assert workflow.tune(case, **QUICK, also=[other]).number == together.number
    workflow.annotate(other, case.folder.parent / "patient" / "followup_lesion_mask.nii.gz", slices=[0, 1])
    assert workflow.tune(case, **QUICK, also=[other]).number != together.number


def test_cases_that_cannot_be_learned_from_together_are_refused(
    case: Case, other: Case, tmp_path: Path, patient: Path
) -> None:
    foreign = prepared(
        tmp_path / "foreign",
        patient,
        write_tiny_model(tmp_path / "bright", lesion_bias=1.0),
        "followup",
    )
    with pytest.raises(InputError, match="another model"):
        workflow.tune(case, **QUICK, also=[foreign])
    for again in ([case], [other, other]):
        with pytest.raises(InputError, match="name every examination once"):
            workflow.tune(case, **QUICK, also=again)
    assert case.versions("tuned") == []


def test_the_command_line_has_all_three(case: Case, other: Case, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(case.folder)
    quick = ["--iterations", "20", "--learning-rate", "0.01", "--quiet", "--json"]
    assert main(["tune", folder, "--weighting", "lesions", "--also", str(other.folder), *quick]) == 0
    tuned = json.loads(capsys.readouterr().out)["tuned"]
    info = Case.open(case.folder).version_info("tuned", tuned)
    assert info["settings"]["weighting"] == "lesions"
    assert len(info["also"]) == 1
    segment = ["segment", folder, "--repetitions", "0", "--quiet", "--json", "--baseline-prior"]
    assert main([*segment, "1.5", "--new-lesion-prior", "1"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert Case.open(case.folder).version_info("results", result)["priors"] == {"kept": 1.5, "risen": 1.0}
    assert main([*segment, "9"]) == 2
