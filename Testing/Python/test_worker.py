"""The real worker process: answers, progress, cancel, and what it says when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.jobs import messages
from PatientSpecificTuningLib.jobs import worker

SCRIPT = Path(worker.__file__)
PATIENCE_S = 60


class RunningWorker:
    """A worker started as Slicer starts it, by the path of its file."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.reader = messages.LineReader()
        self.count = 0

    def send(self, verb: str, **arguments: Any) -> int:
        self.count += 1
        self.process.stdin.write(messages.encode({"id": self.count, "verb": verb, "arguments": arguments}))
        self.process.stdin.flush()
        return self.count

    def messages(self) -> Iterator[dict[str, Any]]:
        while line := self.process.stdout.readline():
            yield from self.reader.feed(line)[0]

    def answer(self, number: int) -> dict[str, Any]:
        return next(m for m in self.messages() if m["id"] == number and m["type"] != messages.PROGRESS)


@pytest.fixture
def running() -> Iterator[RunningWorker]:
    started = RunningWorker()
    yield started
    started.process.stdin.close()
    started.process.wait(PATIENCE_S)
    started.process.stdout.close()


@pytest.fixture
def patient(tmp_path: Path) -> dict[str, Any]:
    """The arguments of `prepare` for a tiny patient in a folder whose name is in several scripts."""
    folder = tmp_path / "Łódź données 日本"
    write_patient(folder)
    model = write_tiny_model(folder / "model")
    return {
        "folder": str(folder / "case"),
        "model": str(model),
        "registration": "none",
        **{
            name: {s: str(folder / f"{name}_{s}.nii.gz") for s in ("FLAIR", "T1")}
            for name in ("baseline", "followup")
        },
        **{f"{name}_mask": str(folder / f"{name}_brain_mask.nii.gz") for name in ("baseline", "followup")},
    }


def test_it_prepares_tunes_segments_and_removes_in_one_process(running, patient) -> None:
    case = patient["folder"]
    labels = str(Path(case).parent / "baseline_lesion_mask.nii.gz")
    prepared = running.answer(running.send("prepare", **patient))
    assert prepared["result"]["examinations"] == ["baseline", "followup"]
    assert (
        running.answer(running.send("annotate", case=case, labels=labels, slices=[0, 1]))["type"] == "result"
    )
    assert running.answer(running.send("tune", case=case, iterations=2))["result"] == {"tuned": "0001"}
    segmented = running.answer(running.send("segment", case=case, repetitions=2))["result"]
    assert (segmented["result"], segmented["tuned"]) == ("0001", "0001")
    removed = running.answer(running.send("remove", case=case, kind="results", number="0001"))
    assert removed["result"] == {"left": []}


def test_hello_says_which_torch_and_which_device(running) -> None:
    result = running.answer(running.send("hello"))["result"]
    assert set(result) == {"python", "torch", "device"}


def test_bad_input_is_one_sentence_and_the_worker_goes_on(running, patient) -> None:
    wrong = patient | {"baseline_mask": str(Path(patient["folder"]) / "nowhere.nii.gz")}
    answer = running.answer(running.send("prepare", **wrong))
    assert (answer["type"], answer["kind"]) == ("error", "input")
    assert "nowhere.nii.gz" in answer["message"]
    assert running.answer(running.send("hello"))["type"] == "result"


def test_an_unknown_verb_is_an_error(running) -> None:
    assert "does not know 'dance'" in running.answer(running.send("dance"))["message"]


def test_a_cancelled_verb_stops_and_leaves_nothing_half_written(running, patient) -> None:
    case = Path(patient["folder"])
    labels = str(case.parent / "baseline_lesion_mask.nii.gz")
    running.answer(running.send("prepare", **patient))
    running.answer(running.send("annotate", case=str(case), labels=labels, slices=[0, 1]))
    before = sorted(case.rglob("*"))
    number = running.send("tune", case=str(case), iterations=100000)
    next(m for m in running.messages() if m["type"] == "progress" and m["stage"] == "Fine-tuning")
    running.send("cancel", id=number)
    answer = running.answer(number)
    assert answer["kind"] == "cancelled"
    assert [path for path in sorted(case.rglob("*")) if path not in before and path.is_file()] == []


def test_it_ends_when_its_input_closes_even_while_it_works(patient) -> None:
    started = RunningWorker()
    started.send("prepare", **patient)
    next(started.messages())
    started.process.stdin.close()
    assert started.process.wait(PATIENCE_S) == 0
    started.process.stdout.close()


def test_half_installed_torch_is_said_and_not_a_crash(tmp_path: Path) -> None:
    # An interrupted installation leaves folders without files, which import as an empty namespace.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n", encoding="utf-8"
    )
    started = RunningWorker(os.environ | {"PYTHONPATH": str(tmp_path)})
    answer = started.answer(started.send("hello"))
    started.process.stdin.close()
    started.process.wait(PATIENCE_S)
    started.process.stdout.close()
    assert answer["kind"] == "missing"
    assert "PyTorch extension" in answer["message"]
