"""The demo from end to end on tiny patients with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from patients import write_examination
from patients import write_image
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line import main

METRICS = {"dice", "avd", "hd95", "recall", "f1"}


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
    slices = json.loads((annotation / "slices.json").read_text(encoding="utf-8"))["slices"]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(annotation / "labels.nii.gz")))
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
