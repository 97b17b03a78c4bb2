"""The command line: verbs, answers, exit codes, and one clear sentence for every kind of bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from patients import SPACING
from patients import write_image
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line import study_verb
from PatientSpecificTuningLib.command_line import verbs as command_verbs
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.network.tuned_head import HEAD_NAME
from safetensors.torch import load_file

VERBS = ("prepare", "propose", "annotate", "learn", "tune", "segment", "evaluate", "train", "demo", "study")
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(
        tmp_path_factory.mktemp("model") / "tiny", tuning_learning_rate=2e-3, tuning_base_slices=0.5
    )


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    return write_patient(tmp_path / "patient")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _prepare_arguments(case: Path, patient: Path, model: Path, *examinations: str) -> list[object]:
    arguments: list[object] = ["prepare", case, "--model", model, "--registration", "none", "--quiet"]
    for name in examinations or ("baseline", "followup"):
        images = [patient / f"{name}_{sequence}.nii.gz" for sequence in ("FLAIR", "T1")]
        arguments += [f"--{name}", *images, f"--{name}-mask", patient / f"{name}_brain_mask.nii.gz"]
    return arguments


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    patient = write_patient(folder / "patient")
    assert main([str(a) for a in _prepare_arguments(folder / "case", patient, model)]) == 0
    return folder


@pytest.fixture
def case(prepared: Path, tmp_path: Path) -> Path:
    """A copy of a prepared case, to be changed at will."""
    shutil.copytree(prepared / "patient", tmp_path / "patient")
    return Path(shutil.copytree(prepared / "case", tmp_path / "case"))


def _one_sentence(text: str) -> bool:
    lines = text.strip().splitlines()
    return len(lines) == 1 and lines[0].endswith(".") and "Traceback" not in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, cli: Cli) -> None:
    code, out, _ = cli(verb, "--help")
    assert code == 0
    assert out.startswith("usage:")


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "PatientSpecificTuningLib", "--help"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0
    assert all(verb in finished.stdout for verb in VERBS)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["propose"],
        ["tune", "x", "--iterations", "0"],
        ["segment", "x", "--repetitions", "-1"],
    ],
)
def test_wrong_usage_is_exit_code_2_with_one_sentence(arguments: list[str], cli: Cli) -> None:
    code, out, err = cli(*arguments)
    assert code == 2
    assert out == ""
    assert _one_sentence(err)


def test_the_verbs_in_a_row_lead_from_scans_to_metrics(case: Path, cli: Cli) -> None:
    patient = case.parent / "patient"
    code, out, _ = cli("propose", case, "--count", 2, "--json")
    slices = [proposal["slice"] for proposal in json.loads(out)["slices"]]
    assert code == 0
    assert len(slices) == 2
    labels = patient / "baseline_lesion_mask.nii.gz"
    assert cli("annotate", case, "--labels", labels, "--slices", 0, 1)[0] == 0
    code, out, _ = cli("tune", case, "--iterations", 2, "--json", "--quiet")
    assert json.loads(out)["tuned"] == "0001"
    code, out, _ = cli("segment", case, "--repetitions", 2, "--json", "--quiet")
    answer = json.loads(out)
    folder = Path(answer["folder"])
    assert answer["tuned"] == "0001"
    expected = {
        "labelmap.nii.gz",
        "probability.nii.gz",
        "uncertainty.nii.gz",
        "lesions.csv",
        "change.csv",
        "run.json",
    }
    assert expected <= {path.name for path in folder.iterdir()}
    image = sitk.ReadImage(str(folder / "probability.nii.gz"))
    given = sitk.ReadImage(str(patient / "followup_FLAIR.nii.gz"))
    assert image.GetSize() == given.GetSize()
    assert np.allclose(image.GetSpacing(), given.GetSpacing())
    code, out, _ = cli("evaluate", case, "--reference", patient / "followup_lesion_mask.nii.gz", "--json")
    assert code == 0
    assert set(json.loads(out)) == {"dice", "avd", "hd95", "recall", "f1"}


def test_running_a_verb_again_makes_nothing_twice(case: Path, cli: Cli) -> None:
    patient = case.parent / "patient"
    assert cli("annotate", case, "--labels", patient / "baseline_lesion_mask.nii.gz")[0] == 0
    for _ in range(2):
        assert cli("tune", case, "--iterations", 1, "--quiet")[0] == 0
        assert cli("segment", case, "--repetitions", 1, "--quiet")[0] == 0
    opened = Case.open(case)
    assert opened.versions("tuned") == opened.versions("results") == ["0001"]
    assert cli("tune", case, "--iterations", 2, "--quiet")[0] == 0
    assert Case.open(case).current["tuned"] == "0002"


def test_learning_rate_and_weight_of_the_base_cnn_are_those_of_the_card_unless_given(
    case: Path, cli: Cli
) -> None:
    assert cli("annotate", case, "--labels", case.parent / "patient" / "baseline_lesion_mask.nii.gz")[0] == 0
    for given in ((), ("--learning-rate", 0.5, "--base-slices", 0)):
        assert cli("tune", case, "--iterations", 1, *given, "--quiet")[0] == 0
    opened = Case.open(case)
    made = [opened.version_info("tuned", n)["settings"] for n in ("0001", "0002")]
    assert [settings["learning_rate"] for settings in made] == [2e-3, 0.5]
    assert [settings["base_slices"] for settings in made] == [0.5, 0]
    assert [settings["logit_shift"] for settings in made] == [False, False]
    code, _, err = cli("tune", case, "--base-slices", -1)
    assert code == 2
    assert "the base CNN counts as much as" in err


def test_a_shift_of_the_logit_changes_nothing_of_the_tuned_head_but_one_number(case: Path, cli: Cli) -> None:
    assert cli("annotate", case, "--labels", case.parent / "patient" / "baseline_lesion_mask.nii.gz")[0] == 0
    for given in ("--no-logit-shift", "--logit-shift"):
        assert cli("tune", case, "--iterations", 1, given, "--quiet")[0] == 0
    opened = Case.open(case)
    plain, shifted = (load_file(opened.version_folder("tuned", n) / HEAD_NAME) for n in ("0001", "0002"))
    assert [name for name in plain if not torch.equal(plain[name], shifted[name])] == ["output.bias"]
    assert plain["output.bias"][0] == shifted["output.bias"][0]


def test_the_papers_settings_are_kept_by_name(case: Path, cli: Cli) -> None:
    assert cli("annotate", case, "--labels", case.parent / "patient" / "baseline_lesion_mask.nii.gz")[0] == 0
    for rate in ((), ("--learning-rate", 0.5)):
        assert cli("tune", case, "--settings", "paper", "--iterations", 1, *rate, "--quiet")[0] == 0
    made = [Case.open(case).version_info("tuned", number)["settings"] for number in ("0001", "0002")]
    assert [settings["learning_rate"] for settings in made] == [1e-4, 0.5]
    assert [settings["base_slices"] for settings in made] == [0, 0]
    for settings in made:
        assert (
            settings["patch_pool"] is settings["pixels_per_iteration"] is settings["pixels_per_patch"] is None
        )
    code, _, err = cli("tune", case, "--settings", "mine")
    assert code == 2
    assert "default" in err
    assert "paper" in err


def test_preparing_again_with_the_same_images_keeps_what_is_there(
    prepared: Path, model: Path, cli: Cli
) -> None:
    features = prepared / "case" / "baseline" / "features.npy"
    before = features.stat().st_mtime_ns
    assert cli(*_prepare_arguments(prepared / "case", prepared / "patient", model))[0] == 0
    assert features.stat().st_mtime_ns == before


def test_other_images_are_not_taken_into_a_case_that_is_in_use(case: Path, model: Path, cli: Cli) -> None:
    patient = write_patient(case.parent / "other")
    image = sitk.ReadImage(str(patient / "baseline_FLAIR.nii.gz"))
    sitk.WriteImage(image + 1.0, str(patient / "baseline_FLAIR.nii.gz"))
    code, _, err = cli(*_prepare_arguments(case, patient, model))
    assert code == 2
    assert "choose a new case folder" in err


def test_a_case_prepared_in_two_steps_equals_one_prepared_at_once(
    tmp_path: Path, prepared: Path, model: Path, cli: Cli
) -> None:
    for name in ("baseline", "followup"):
        assert cli(*_prepare_arguments(tmp_path / "case", prepared / "patient", model, name))[0] == 0
    for name in ("baseline", "followup"):
        both = [
            np.load(folder / name / "base_probability.npy")
            for folder in (tmp_path / "case", prepared / "case")
        ]
        assert np.array_equal(*both)


def test_the_answer_without_json_is_readable_lines(case: Path, cli: Cli) -> None:
    code, out, _ = cli("propose", case)
    assert code == 0
    assert out.startswith("slices:")
    assert "mean softmax" in out


def test_progress_goes_to_standard_error_and_quiet_hides_it(case: Path, cli: Cli) -> None:
    labels = case.parent / "patient" / "baseline_lesion_mask.nii.gz"
    cli("annotate", case, "--labels", labels)
    _, out, err = cli("tune", case, "--iterations", 1, "--json")
    assert "Fine-tuning" in err
    json.loads(out)
    _, _, err = cli("tune", case, "--iterations", 2, "--json", "--quiet")
    assert err == ""


def test_ctrl_c_is_exit_code_3_and_one_sentence(
    case: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PatientSpecificTuningLib.engine import workflow

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "propose", interrupted)
    code, _, err = cli("propose", case)
    assert code == 3
    assert _one_sentence(err)


def test_a_fault_of_the_program_is_exit_code_1_and_keeps_its_trace(
    case: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PatientSpecificTuningLib.engine import workflow

    def broken(*_: object, **__: object) -> None:
        message = "inner detail"
        raise RuntimeError(message)

    monkeypatch.setattr(workflow, "propose", broken)
    code, _, err = cli("propose", case)
    assert code == 1
    assert "inner detail" in err


def _spoil(patient: Path, how: str) -> None:
    """Make the baseline FLAIR unusable in one way."""
    path = patient / "baseline_FLAIR.nii.gz"
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    if how == "missing":
        path.unlink()
    elif how == "unreadable":
        path.write_bytes(b"this is no image")
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif how == "2D":
        write_image(path, array[0], SPACING[:2])
    elif how == "constant":
        write_image(path, np.full_like(array, 7))
    elif how == "NaN":
        array[1, 2, 3] = np.nan
        write_image(path, array)
    elif how == "infinite":
        array[1, 2, 3] = np.inf
        write_image(path, array)


@pytest.mark.parametrize("how", ["missing", "unreadable", "truncated", "2D", "constant", "NaN", "infinite"])
def test_an_unusable_volume_is_one_sentence_and_leaves_no_case(
    how: str, patient: Path, model: Path, tmp_path: Path, cli: Cli
) -> None:
    _spoil(patient, how)
    code, out, err = cli(*_prepare_arguments(tmp_path / "case", patient, model))
    assert code == 2
    assert out == ""
    assert _one_sentence(err)
    assert "baseline" in err
    assert not (tmp_path / "case").exists()


def test_a_mask_that_does_not_overlap_is_one_sentence(
    patient: Path, model: Path, tmp_path: Path, cli: Cli
) -> None:
    path = patient / "baseline_brain_mask.nii.gz"
    mask = sitk.ReadImage(str(path))
    mask.SetOrigin((5000.0, 0.0, 0.0))
    sitk.WriteImage(mask, str(path))
    code, _, err = cli(*_prepare_arguments(tmp_path / "case", patient, model))
    assert code == 2
    assert _one_sentence(err)
    assert "mask" in err


def test_sequences_that_do_not_fit_the_model_are_one_sentence(
    patient: Path, model: Path, tmp_path: Path, cli: Cli
) -> None:
    code, _, err = cli(
        "prepare", tmp_path / "case", "--model", model, "--baseline", patient / "baseline_T1.nii.gz"
    )
    assert code == 2
    assert _one_sentence(err)
    assert "FLAIR" in err


def test_a_missing_t1_is_refused_unless_zeros_are_accepted(
    patient: Path, model: Path, tmp_path: Path, cli: Cli
) -> None:
    flair, mask = patient / "baseline_FLAIR.nii.gz", patient / "baseline_brain_mask.nii.gz"
    arguments = ["prepare", tmp_path / "case", "--model", model, "--baseline", flair, "--baseline-mask", mask]
    code, _, err = cli(*arguments, "--quiet")
    assert code == 2
    assert "--missing-sequence zero" in err
    code, out, _ = cli(*arguments, "--quiet", "--missing-sequence", "zero")
    assert code == 0
    assert "without T1" in out
    images = np.load(tmp_path / "case" / "baseline" / "images.npy")
    assert not images[1].any()
    assert images[0].any()


def test_a_t1_that_only_one_examination_has_is_left_out_of_both(
    patient: Path, model: Path, tmp_path: Path, cli: Cli
) -> None:
    arguments = _prepare_arguments(tmp_path / "case", patient, model)
    arguments.remove(patient / "baseline_T1.nii.gz")
    assert cli(*arguments, "--missing-sequence", "zero")[0] == 0
    assert not np.load(tmp_path / "case" / "followup" / "images.npy")[1].any()


def test_labels_without_any_lesion_are_one_sentence(case: Path, cli: Cli) -> None:
    empty = write_image(case.parent / "empty.nii.gz", np.zeros((4, 48, 44), dtype=np.uint8))
    code, _, err = cli("annotate", case, "--labels", empty)
    assert code == 2
    assert _one_sentence(err)
    assert "lesion" in err
    assert not (case / "baseline" / "annotation").exists()


def test_corrected_slices_without_any_lesion_are_one_sentence(case: Path, cli: Cli) -> None:
    labels = case.parent / "patient" / "baseline_lesion_mask.nii.gz"
    assert cli("annotate", case, "--labels", labels, "--slices", 3)[0] == 0
    code, _, err = cli("tune", case, "--iterations", 1, "--quiet")
    assert code == 2
    assert _one_sentence(err)
    assert Case.open(case).versions("tuned") == []


def test_a_slice_outside_the_baseline_is_one_sentence(case: Path, cli: Cli) -> None:
    labels = case.parent / "patient" / "baseline_lesion_mask.nii.gz"
    code, _, err = cli("annotate", case, "--labels", labels, "--slices", 1, 99)
    assert code == 2
    assert "99" in err


def test_tuning_before_annotating_says_what_to_do_first(case: Path, cli: Cli) -> None:
    code, _, err = cli("tune", case, "--quiet")
    assert code == 2
    assert "run annotate" in err


def test_damaged_model_weights_are_one_sentence(patient: Path, model: Path, tmp_path: Path, cli: Cli) -> None:
    damaged = Path(shutil.copytree(model, tmp_path / "damaged"))
    weights = damaged / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    code, _, err = cli(*_prepare_arguments(tmp_path / "case", patient, damaged))
    assert code == 2
    assert _one_sentence(err)
    assert "damaged" in err
    assert not (tmp_path / "case").exists()


def test_a_model_that_does_not_exist_is_one_sentence(patient: Path, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli(*_prepare_arguments(tmp_path / "case", patient, tmp_path / "nothing"))
    assert code == 2
    assert _one_sentence(err)


def test_a_case_of_a_newer_version_is_one_sentence(case: Path, cli: Cli) -> None:
    path = case / "case.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, "format_version": 99}), encoding="utf-8")
    for arguments in (["propose", case], ["tune", case], ["segment", case]):
        code, _, err = cli(*arguments)
        assert code == 2
        assert _one_sentence(err)
        assert "newer version" in err


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(
    case: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from PatientSpecificTuningLib.engine.files import atomic

    labels = case.parent / "patient" / "baseline_lesion_mask.nii.gz"
    assert cli("annotate", case, "--labels", labels)[0] == 0
    before = sorted(path.relative_to(case) for path in case.rglob("*"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    code, _, err = cli("tune", case, "--iterations", 1, "--quiet")
    monkeypatch.undo()
    assert code == 2
    assert _one_sentence(err)
    assert "full" in err
    after = {path.relative_to(case) for path in case.rglob("*")} - {Path("tuned"), Path("baseline/patches")}
    assert sorted(after) == before


def test_an_unknown_tuned_version_is_one_sentence(case: Path, cli: Cli) -> None:
    code, _, err = cli("segment", case, "--weights", "0042")
    assert code == 2
    assert "0042" in err


def test_evaluating_before_segmenting_says_what_to_do_first(case: Path, cli: Cli) -> None:
    code, _, err = cli(
        "evaluate", case, "--reference", case.parent / "patient" / "followup_lesion_mask.nii.gz"
    )
    assert code == 2
    assert "run segment" in err


def test_known_lesions_that_lie_beside_the_images_are_one_sentence(
    case: Path, tmp_path: Path, cli: Cli
) -> None:
    assert cli("segment", case, "--weights", "base", "--repetitions", 0, "--quiet")[0] == 0
    known = sitk.ReadImage(str(case.parent / "patient" / "followup_lesion_mask.nii.gz"))
    known.SetOrigin((900.0, 900.0, 900.0))
    sitk.WriteImage(known, str(tmp_path / "far.nii.gz"))
    code, _, err = cli("evaluate", case, "--reference", tmp_path / "far.nii.gz")
    assert code == 2
    assert "lies beside the images" in err


def test_training_writes_a_model_that_can_be_used(
    patient: Path, model: Path, tmp_path: Path, cli: Cli
) -> None:
    arguments = [
        "train",
        tmp_path / "trained",
        "--examinations",
        patient,
        "--card",
        model,
        "--validation",
        patient,
    ]
    code, out, _ = cli(*arguments, "--iterations", 2, "--json", "--quiet")
    assert code == 0
    answer = json.loads(out)
    assert answer["iterations"] == 2
    assert set(answer["validation"]) == {"patient baseline", "patient followup"}
    assert cli(*_prepare_arguments(tmp_path / "case", patient, tmp_path / "trained", "baseline"))[0] == 0


def test_training_on_scans_without_labels_is_one_sentence(patient: Path, tmp_path: Path, cli: Cli) -> None:
    for path in patient.glob("*lesion*"):
        path.unlink()
    code, _, err = cli("train", tmp_path / "trained", "--examinations", patient)
    assert code == 2
    assert _one_sentence(err)


def test_every_verb_of_the_parser_has_its_function() -> None:
    rooms = {"study": study_verb}
    assert all(callable(getattr(rooms.get(verb, command_verbs), verb)) for verb in VERBS)


def test_a_result_gets_its_uncertainty_later_without_becoming_another_version(case: Path, cli: Cli) -> None:
    first = json.loads(cli("segment", case, "--weights", "base", "--repetitions", 0, "--json", "--quiet")[1])
    table = Path(first["folder"]) / "lesions.csv"
    without = table.read_text(encoding="utf-8")
    again = json.loads(cli("segment", case, "--weights", "base", "--repetitions", 3, "--json", "--quiet")[1])
    assert again["folder"] == first["folder"]
    assert (Path(first["folder"]) / "uncertainty.nii.gz").is_file()
    assert table.read_text(encoding="utf-8") != without
    other = json.loads(cli("segment", case, "--weights", "base", "--repetitions", 4, "--json", "--quiet")[1])
    assert other["folder"] != first["folder"]
