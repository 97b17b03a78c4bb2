"""The demo from end to end on tiny patients with a tiny model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders import detection_card
from patients import write_examination
from patients import write_image
from patients import write_liver_patient
from patients import write_model_of
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine.cohort import sample_cases
from PatientSpecificTuningLib.engine.network import model_choice

METRICS = {"dice", "avd", "hd95", "recall", "f1"}
DETECTION_METRICS = {"tpr", "fpc", "f1", "dice", "tpr_small", "tpr_large"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    return write_patient(tmp_path / "patient")


def _demo(output: Path, model: Path, *arguments: object) -> int:
    options = ["--registration", "none", "--iterations", 2, "--repetitions", 2, "--quiet", "--json"]
    given = ["demo", "--output", output, "--model", model, *options, *arguments]
    return main([str(argument) for argument in given])


def _metrics(output: Path) -> dict[str, dict[str, float | None]]:
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


def test_the_demo_leaves_everything_it_promises_on_the_input_grid(
    patient: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert _demo(output, model, "--case", patient) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {path.name for path in output.iterdir()} >= {
        "labelmap.nii.gz",
        "probability.nii.gz",
        "uncertainty.nii.gz",
        "lesions.csv",
        "change.csv",
        "metrics.md",
        "metrics.json",
        "overview.png",
        "case",
    }
    metrics = _metrics(output)
    assert set(metrics) == {"base", "tuned"}
    assert set(metrics["base"]) == set(metrics["tuned"]) == METRICS
    given = sitk.ReadImage(str(patient / "followup_FLAIR.nii.gz"))
    for name in ("labelmap", "probability", "uncertainty"):
        image = sitk.ReadImage(str(output / f"{name}.nii.gz"))
        assert image.GetSize() == given.GetSize()
        assert np.allclose(image.GetOrigin(), given.GetOrigin())
        assert np.allclose(image.GetDirection(), given.GetDirection())
    assert len(answer["corrected_slices"]) == 2
    assert any("followup: FLAIR" in line for line in answer["found"])
    assert (output / "overview.png").read_bytes().startswith(b"\x89PNG")


def test_corrections_come_from_the_proposed_slices_only(patient: Path, model: Path, tmp_path: Path) -> None:
    assert _demo(tmp_path / "out", model, "--case", patient, "--slices", 1, "--among", "lesion") == 0
    annotation = tmp_path / "out" / "case" / "baseline" / "annotation"
    kept = json.loads((annotation / "slices.json").read_text(encoding="utf-8"))
    slices, labels = kept["slices"], sitk.GetArrayFromImage(sitk.ReadImage(str(annotation / kept["labels"])))
    assert len(slices) == 1
    assert list(np.flatnonzero(labels.any(axis=(1, 2)))) == slices


def test_all_slices_means_all_lesion_slices(
    patient: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _demo(tmp_path / "out", model, "--case", patient, "--slices", "all") == 0
    assert sorted(json.loads(capsys.readouterr().out)["corrected_slices"]) == [0, 1, 2]


def test_images_are_taken_by_path_as_well(patient: Path, model: Path, tmp_path: Path) -> None:
    arguments: list[object] = []
    for name in ("baseline", "followup"):
        arguments += [f"--{name}", f"FLAIR={patient / name}_FLAIR.nii.gz", patient / f"{name}_T1.nii.gz"]
        arguments += [f"--{name}-mask", patient / f"{name}_brain_mask.nii.gz"]
        arguments += [f"--{name}-lesions", patient / f"{name}_lesion_mask.nii.gz"]
    assert _demo(tmp_path / "out", model, *arguments) == 0
    assert _metrics(tmp_path / "out")["tuned"]["dice"] is not None


@pytest.mark.parametrize(("half", "first"), [("even", 0), ("odd", 1)])
def test_a_single_examination_is_tuned_on_one_half_of_its_slices_and_judged_on_the_other(
    half: str, first: int, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_examination(tmp_path / "single", "scan", seed=1)
    arguments = ["--case", tmp_path / "single", "--split-slices", half, "--slices", "all"]
    assert _demo(tmp_path / "out", model, *arguments) == 0
    corrected = json.loads(capsys.readouterr().out)["corrected_slices"]
    assert corrected
    assert all(index % 2 == first for index in corrected)
    result = max((tmp_path / "out" / "case" / "results").iterdir())
    judged = json.loads((result / "evaluation.json").read_text(encoding="utf-8"))["slices"]
    assert judged == list(range(1 - first, 4, 2))


def test_without_known_lesions_a_pair_is_judged_by_its_change(
    patient: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_tiny_model(tmp_path / "eager", lesion_bias=10.0)
    for path in patient.glob("*lesion*"):
        path.unlink()
    change = np.zeros((4, 48, 44), dtype=np.uint8)
    change[1, 20:24, 20:24] = 1
    write_image(patient / "change_mask.nii.gz", change)
    assert _demo(tmp_path / "out", model, "--case", patient) == 0
    assert any("uncorrected" in note for note in json.loads(capsys.readouterr().out)["notes"])
    assert _metrics(tmp_path / "out")["base"]["recall"] is not None


def test_a_baseline_without_any_lesion_label_is_one_sentence(
    patient: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(patient / "baseline_lesion_mask.nii.gz", np.zeros((4, 48, 44), dtype=np.uint8))
    assert _demo(tmp_path / "out", model, "--case", patient) == 2
    complaint = capsys.readouterr().err.strip()
    assert len(complaint.splitlines()) == 1
    assert "lesion" in complaint
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_a_single_examination_without_labels_is_one_sentence(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_examination(tmp_path / "single", "scan", seed=1)
    (tmp_path / "single" / "scan_lesion_mask.nii.gz").unlink()
    assert _demo(tmp_path / "out", model, "--case", tmp_path / "single") == 2
    assert "lesion" in capsys.readouterr().err


def test_running_the_demo_again_gives_the_same_metrics_and_no_new_versions(
    patient: Path, model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    assert _demo(output, model, "--case", patient) == 0
    first = _metrics(output)
    assert _demo(output, model, "--case", patient) == 0
    assert _metrics(output) == first
    assert len(list((output / "case" / "results").iterdir())) == 2


@pytest.fixture(scope="module")
def liver_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Biased towards lesions, so that there are objects to judge.
    return write_model_of(detection_card(), tmp_path_factory.mktemp("model") / "liver", lesion_bias=0.5)


@pytest.fixture
def liver_patient(tmp_path: Path) -> Path:
    return write_liver_patient(tmp_path / "patient")


def test_a_model_for_detection_is_judged_by_objects_and_says_which_lesion_was_found(
    liver_patient: Path, liver_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert _demo(output, liver_model, "--case", liver_patient, "--weighting", "detection") == 0
    answer = json.loads(capsys.readouterr().out)
    metrics = _metrics(output)
    assert set(metrics["base"]) == set(metrics["tuned"]) == DETECTION_METRICS
    assert metrics["tuned"]["tpr_large"] is None
    with open(output / "detections.csv", encoding="utf-8", newline="") as stream:
        outcomes = [row["outcome"] for row in csv.DictReader(stream)]
    found, missed = outcomes.count("found"), outcomes.count("missed")
    assert found + missed > 0
    assert metrics["tuned"]["tpr"] == pytest.approx(found / (found + missed))
    assert metrics["tuned"]["fpc"] == outcomes.count("false")
    labels = sitk.ReadImage(str(output / "detections.nii.gz"))
    assert labels.GetSize() == sitk.ReadImage(str(liver_patient / "followup_DWI_b10.nii.gz")).GetSize()
    assert bool((sitk.GetArrayFromImage(labels) == 2).any()) == (missed > 0)
    table = (output / "metrics.md").read_text(encoding="utf-8")
    assert "false positives" in table
    assert "AVD" not in table
    assert (output / "overview.png").read_bytes().startswith(b"\x89PNG")
    assert answer["tuned"]["fpc"] == metrics["tuned"]["fpc"]


def test_the_card_says_how_many_slices_are_corrected_unless_the_option_does(
    liver_patient: Path, liver_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, slices in (([], [0, 1, 2]), (["--slices", 1, "--among", "lesion"], 1)):
        output = tmp_path / f"out{len(arguments)}"
        assert _demo(output, liver_model, "--case", liver_patient, *arguments) == 0
        corrected = sorted(json.loads(capsys.readouterr().out)["corrected_slices"])
        assert corrected == slices if isinstance(slices, list) else len(corrected) == slices


def test_missing_phases_of_one_examination_are_one_sentence_and_a_mapping_for_it_helps(
    liver_patient: Path, liver_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = liver_patient / "followup_DCE.nii.gz"
    phases = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    write_image(path, phases[:3], (0.958, 0.958, 3.0, 1.0))
    assert _demo(tmp_path / "out", liver_model, "--case", liver_patient) == 2
    complaint = capsys.readouterr().err.strip()
    assert len(complaint.splitlines()) == 1
    assert "The followup DCE has 3 volume(s)" in complaint
    assert "--followup-channels DCE=" in complaint
    assert not (tmp_path / "out").exists()
    arguments = ["--case", liver_patient, "--followup-channels", "DCE=1,2,3,3"]
    assert _demo(tmp_path / "out", liver_model, *arguments) == 0
    assert any("1, 2, 3, 3" in note for note in json.loads(capsys.readouterr().out)["notes"])
    record = json.loads((tmp_path / "out" / "case" / "case.json").read_text(encoding="utf-8"))["examinations"]
    assert record["followup"]["settings"]["volumes"] == {"DCE": [1, 2, 3, 3]}
    assert "volumes" not in record["baseline"]["settings"]


def test_a_sample_case_is_found_by_its_name_and_brings_the_model_of_its_organ(
    liver_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_liver_patient(tmp_path / "samples" / "Liver")
    monkeypatch.setattr(sample_cases, "SAMPLES", tmp_path / "samples")
    monkeypatch.setattr(model_choice, "MODELS", liver_model.parent)
    options = ["--iterations", "1", "--repetitions", "0", "--quiet", "--registration", "none"]
    given = ["demo", "--sample", "liver", "--output", str(tmp_path / "out"), *options]
    assert main(given) == 0
    assert set(_metrics(tmp_path / "out")["tuned"]) == DETECTION_METRICS
    capsys.readouterr()
    assert main(["demo", "--sample", "kidney", "--output", str(tmp_path / "other")]) == 2
    assert "no sample case 'kidney'; use one of liver" in capsys.readouterr().err
    monkeypatch.setattr(model_choice, "MODELS", tmp_path)
    assert main(["demo", "--sample", "liver", "--output", str(tmp_path / "other")]) == 2
    assert "No model for the liver comes with the extension" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["DCE", "DCE=", "=1,2", "DCE=1,0", "DCE=a"])
def test_a_mapping_that_cannot_be_read_is_one_sentence(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(tmp_path / "case"), "--baseline-channels", text]) == 2
    assert "SEQUENCE=1,2,3" in capsys.readouterr().err


def test_a_sample_and_own_scans_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--sample", "brain", "--case", str(tmp_path)]) == 2
    assert "Both --sample and --case are given" in capsys.readouterr().err
