"""Whatever is wrong, the command line says one sentence, nothing else, and ends with the right code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import SimpleITK as sitk
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main

COMMAND = [sys.executable, "-m", "PatientSpecificTuningLib"]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_patient(tmp_path_factory.mktemp("complaints") / "patient")
    write_tiny_model(folder / "model")
    return folder


def _prepare(patient: Path, case: Path, flair: str | Path) -> list[str]:
    arguments = [case, "--model", patient / "model", "--baseline", f"FLAIR={flair}"]
    arguments += [
        f"T1={patient / 'baseline_T1.nii.gz'}",
        "--baseline-mask",
        patient / "baseline_brain_mask.nii.gz",
    ]
    return ["prepare", *map(str, arguments), "--registration", "none", "--quiet"]


def _complaint(arguments: list[str]) -> str:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    assert len(lines) == 1
    return lines[0]


def test_what_libraries_print_does_not_stand_beside_the_sentence(patient: Path, tmp_path: Path) -> None:
    image = sitk.ReadImage(str(patient / "baseline_FLAIR.nii.gz"))
    path = tmp_path / "cut_FLAIR.mha"
    sitk.WriteImage(image, str(path))
    os.truncate(path, path.stat().st_size // 2)
    assert "cannot be read as an image" in _complaint(_prepare(patient, tmp_path / "case", path))


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are always Unicode here")
def test_an_argument_that_is_not_utf_8_is_one_sentence(patient: Path, tmp_path: Path) -> None:
    case = Path(os.fsdecode(os.fsencode(tmp_path) + b"/case\xff"))
    assert "is not UTF-8" in _complaint(_prepare(patient, case, patient / "baseline_FLAIR.nii.gz"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["tune", "case", "--seed", str(10**30)],
        ["tune", "case", "--iterations", str(10**9)],
        ["segment", "case", "--repetitions", str(10**40)],
        ["segment", "case", "--weights", "../../victim"],
        ["tune", "case", "--learning-rate", "nan"],
    ],
)
def test_numbers_beyond_all_bounds_are_one_sentence(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(_prepare(patient, tmp_path / "case", patient / "baseline_FLAIR.nii.gz")) == 0
    lesions = patient / "baseline_lesion_mask.nii.gz"
    assert main(["annotate", str(tmp_path / "case"), "--labels", str(lesions), "--quiet"]) == 0
    capsys.readouterr()
    case = str(tmp_path / "case")
    assert main([case if argument == "case" else argument for argument in arguments] + ["--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("softmax", ["nan", "inf", "-0.1", "1", "2"])
def test_a_softmax_that_is_none_is_one_sentence_and_makes_no_case(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], softmax: str
) -> None:
    arguments = _prepare(patient, tmp_path / "case", patient / "baseline_FLAIR.nii.gz")
    assert main([*arguments, f"--kept-from={softmax}"]) == 2
    assert "from 0 to below 1" in capsys.readouterr().err
    assert not (tmp_path / "case").exists()


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows ends processes without asking")
def test_a_process_that_is_asked_to_end_cleans_up_and_says_so(patient: Path, tmp_path: Path) -> None:
    case = tmp_path / "case"
    assert main(_prepare(patient, case, patient / "baseline_FLAIR.nii.gz")) == 0
    lesions = patient / "baseline_lesion_mask.nii.gz"
    assert main(["annotate", str(case), "--labels", str(lesions), "--quiet"]) == 0
    command = [*COMMAND, "tune", str(case), "--iterations", "1000000", "--quiet"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    end = time.monotonic() + PATIENCE_S
    while not list((case / "baseline").glob("patches/*")) and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    complaint = process.communicate(timeout=PATIENCE_S)[1].decode()
    assert process.returncode == 3
    assert complaint.startswith("Cancelled; what was complete is kept")
    assert list(case.rglob(".*")) == []
