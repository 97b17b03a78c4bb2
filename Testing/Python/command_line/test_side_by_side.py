"""Several programs work on one case at the same time: nothing of either is lost, and neither leaves anything half."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine.case.case import Case

COMMAND = [sys.executable, "-m", "PatientSpecificTuningLib"]
# The panel's worker removes versions, the command line does not.
REMOVE = """
import sys
from pathlib import Path
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import InputError
try:
    Case.open(Path(sys.argv[1])).remove_version(sys.argv[2], sys.argv[3])
except InputError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""
PATIENCE_S = 300
# Starting Python takes longer than most of what is done, so that the starts are spread over the work of the other.
LATER_S = (0.0, 1.5)
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_patient(tmp_path_factory.mktemp("side by side") / "patient")
    write_tiny_model(folder / "model")
    return folder


def _prepare(patient: Path, case: Path, name: str) -> list[str]:
    images = [f"{s}={patient / f'{name}_{s}.nii.gz'}" for s in ("FLAIR", "T1")]
    arguments = ["prepare", case, "--model", patient / "model", f"--{name}", *images]
    arguments += [
        f"--{name}-mask",
        patient / f"{name}_brain_mask.nii.gz",
        "--registration",
        "none",
        "--quiet",
    ]
    return [str(argument) for argument in arguments]


def _remove(case: Path, kind: str, number: str) -> list[str]:
    return [sys.executable, "-c", REMOVE, str(case), kind, number]


def _verb(*arguments: object) -> list[str]:
    return [*COMMAND, *map(str, arguments), "--quiet"]


def _side_by_side(commands: Sequence[Sequence[str]], later_s: float) -> list[tuple[int, str]]:
    """Start one after the other, and tell exit code and complaints of each."""
    running = []
    for command in commands:
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        time.sleep(later_s)
    complaints = [process.communicate(timeout=PATIENCE_S)[1] for process in running]
    return [(process.returncode, text) for process, text in zip(running, complaints, strict=True)]


@pytest.fixture
def corrected(patient: Path, tmp_path: Path) -> Path:
    """A case whose baseline is prepared and corrected."""
    case = tmp_path / "case"
    assert main(_prepare(patient, case, "baseline")) == 0
    labels = str(patient / "baseline_lesion_mask.nii.gz")
    assert main(["annotate", str(case), "--labels", labels, "--slices", "1", "--quiet"]) == 0
    return case


def _is_tidy(case: Path) -> bool:
    """Nothing unfinished, and every version complete."""
    whole = all((folder / "provenance.json").is_file() for folder in case.glob("tuned/*"))
    return (
        whole
        and all((f / "run.json").is_file() for f in case.glob("results/*"))
        and not list(case.rglob(".*"))
    )


@pytest.mark.parametrize("later_s", LATER_S)
def test_a_follow_up_that_is_prepared_while_the_cnn_is_tuned_is_kept(
    patient: Path, corrected: Path, later_s: float
) -> None:
    prepare = [*COMMAND, *_prepare(patient, corrected, "followup")]
    done = _side_by_side([_verb("tune", corrected, "--iterations", 20), prepare], later_s)
    assert done == [(0, ""), (0, "")]
    opened = Case.open(corrected)
    assert set(opened.examinations) == {"baseline", "followup"}
    assert opened.current["tuned"] == "0001"
    assert _is_tidy(corrected)


@pytest.mark.parametrize("later_s", LATER_S)
def test_both_examinations_may_be_prepared_at_once(patient: Path, tmp_path: Path, later_s: float) -> None:
    case = tmp_path / "case"
    commands = [[*COMMAND, *_prepare(patient, case, name)] for name in ("baseline", "followup")]
    done = _side_by_side(commands, later_s)
    assert done == [(0, ""), (0, "")]
    assert set(Case.open(case).examinations) == {"baseline", "followup"}
    assert _is_tidy(case)


@pytest.mark.parametrize("later_s", LATER_S)
def test_a_tuned_version_that_is_removed_while_it_segments_is_never_pointed_at(
    patient: Path, corrected: Path, later_s: float
) -> None:
    assert main(_prepare(patient, corrected, "followup")) == 0
    assert main(["tune", str(corrected), "--iterations", "2", "--quiet"]) == 0
    segment = _verb("segment", corrected, "--repetitions", 3)
    done = _side_by_side([segment, _remove(corrected, "tuned", "0001")], later_s)
    # Whoever comes second is told in one sentence.
    assert sorted(code for code, _ in done) in ([0, 0], [0, 2])
    assert all(len(text.splitlines()) == code // 2 for code, text in done)
    values = json.loads((corrected / "case.json").read_text(encoding="utf-8"))
    for kind, number in values["current"].items():
        assert number is None or number in Case.open(corrected).versions(kind)
    for number in Case.open(corrected).versions("results"):
        tuned = Case.open(corrected).version_info("results", number)["tuned"]
        assert tuned is None or tuned in Case.open(corrected).versions("tuned")
    assert _is_tidy(corrected)


@pytest.mark.parametrize("later_s", LATER_S)
def test_a_result_that_is_removed_while_it_gets_its_uncertainty_leaves_nothing(
    patient: Path, corrected: Path, later_s: float
) -> None:
    assert main(_prepare(patient, corrected, "followup")) == 0
    assert main(["segment", str(corrected), "--repetitions", "0", "--quiet"]) == 0
    segment = _verb("segment", corrected, "--repetitions", 9)
    done = _side_by_side([segment, _remove(corrected, "results", "0001")], later_s)
    assert all(code in (0, 2) for code, _ in done)
    assert _is_tidy(corrected)


def test_tuning_twice_at_once_makes_one_version(corrected: Path) -> None:
    tune = _verb("tune", corrected, "--iterations", 20)
    assert _side_by_side([tune, tune], 0.0) == [(0, ""), (0, "")]
    assert Case.open(corrected).versions("tuned") == ["0001"]
    assert _is_tidy(corrected)


@pytest.mark.parametrize("verb", ["prepare", "tune"])
def test_a_case_that_is_removed_while_a_program_works_on_it_stays_away(
    patient: Path, corrected: Path, verb: str
) -> None:
    commands = {
        "prepare": [*COMMAND, *_prepare(patient, corrected, "followup")],
        "tune": _verb("tune", corrected, "--iterations", 3000),
    }
    process = subprocess.Popen(commands[verb], stderr=subprocess.PIPE, text=True)
    pattern = {"prepare": ".pst-*", "tune": "tuned/.pst-*"}[verb]
    end = time.monotonic() + PATIENCE_S
    while not list(corrected.glob(pattern)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    shutil.rmtree(corrected, ignore_errors=True)
    complaint = process.communicate(timeout=PATIENCE_S)[1]
    assert (process.returncode, len(complaint.splitlines())) == (2, 1), complaint
    assert not corrected.exists()
