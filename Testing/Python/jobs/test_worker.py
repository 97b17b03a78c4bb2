"""The real worker process: answers, progress, cancel, and what it says when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network.prepared import open_examination
from PatientSpecificTuningLib.jobs import messages
from PatientSpecificTuningLib.jobs import verbs
from PatientSpecificTuningLib.jobs import worker
from PatientSpecificTuningLib.jobs.explanations import explained
from PatientSpecificTuningLib.jobs.seen_slices import SeenSlice

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
        unfinished = (messages.PROGRESS, messages.PART)
        return next(m for m in self.messages() if m["id"] == number and m["type"] not in unfinished)

    def end(self) -> int:
        """Close its input, as Slicer does when it quits, and wait for its exit code."""
        self.process.stdin.close()
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def running() -> Iterator[RunningWorker]:
    """One worker for every test that leaves it running, as one serves all patients of a session."""
    started = RunningWorker()
    yield started
    started.end()


def _unheard(stage: str, fraction: float) -> None:
    pass


def _cancel_at(report: int) -> Callable[[str, float], None]:
    """A progress callback that cancels when it is called for the n-th time."""
    count = 0

    def progress(stage: str, fraction: float) -> None:
        nonlocal count
        count += 1
        if count == report:
            raise Cancelled(stage)

    return progress


def _unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.is_file() or any(path.iterdir())]


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


def test_it_prepares_proposes_tunes_segments_and_removes_in_one_process(running, patient) -> None:
    case = patient["folder"]
    labels = str(Path(case).parent / "baseline_lesion_mask.nii.gz")
    prepared = running.answer(running.send("prepare", **patient))
    assert prepared["result"]["examinations"] == ["baseline", "followup"]
    proposed = running.answer(running.send("propose", case=case, count=1))["result"]["slices"]
    assert [set(proposal) >= {"slice"} for proposal in proposed] == [True]
    assert (
        running.answer(running.send("annotate", case=case, labels=labels, slices=[0, 1]))["type"] == "result"
    )
    assert running.answer(running.send("tune", case=case, iterations=2))["result"] == {"tuned": "0001"}
    segmented = running.answer(running.send("segment", case=case, repetitions=2))["result"]
    assert (segmented["result"], segmented["tuned"]) == ("0001", "0001")
    removed = running.answer(running.send("remove", case=case, kind="results", number="0001"))
    assert removed["result"] == {"left": []}


def test_what_the_base_cnn_finds_is_told_slice_by_slice_from_the_middle_of_the_baseline(
    running, patient
) -> None:
    number, parts = running.send("prepare", **patient), []
    for message in running.messages():
        if message["id"] == number and message["type"] == messages.PART:
            parts.append(SeenSlice.from_dict(message["part"]))
        elif message["id"] == number and message["type"] != messages.PROGRESS:
            break
    assert [(part.examination, part.position) for part in parts] == [
        (examination, position) for examination in ("baseline", "followup") for position in (2, 1, 3, 0)
    ]
    case = Case.open(Path(patient["folder"]))
    for part in parts:
        prepared = open_examination(case, part.examination)
        assert part.grid == prepared.record.working_grid
        found = prepared.base_probability[part.position] >= 0.5
        np.testing.assert_array_equal(part.lesions, found)
    assert any(part.lesions.any() for part in parts)


def test_hello_says_which_torch_and_which_device(running) -> None:
    result = running.answer(running.send("hello"))["result"]
    assert set(result) == {"python", "torch", "device", "memory_gb"}
    assert result["device"].startswith("CPU")


def test_bad_input_is_one_sentence_and_the_worker_goes_on(running, patient) -> None:
    wrong = patient | {"baseline_mask": str(Path(patient["folder"]) / "nowhere.nii.gz")}
    answer = running.answer(running.send("prepare", **wrong))
    assert (answer["type"], answer["kind"]) == ("error", "input")
    assert "nowhere.nii.gz" in answer["message"]
    assert "does not know 'dance'" in running.answer(running.send("dance"))["message"]


def test_cancelling_ends_a_verb_and_leaves_no_half_written_files(running, patient) -> None:
    case = Path(patient["folder"])
    labels = str(case.parent / "baseline_lesion_mask.nii.gz")
    running.answer(running.send("prepare", **patient))
    running.answer(running.send("annotate", case=str(case), labels=labels))
    before = sorted(case.rglob("*"))
    number = running.send("tune", case=str(case), iterations=5000)
    next(m for m in running.messages() if m["type"] == "progress" and m["stage"] == "Fine-tuning")
    running.send("cancel", id=number)
    asked = time.monotonic()
    answer = running.answer(number)
    # Two seconds are promised on a computer that has time.
    assert time.monotonic() - asked < 10
    assert answer["kind"] == "cancelled"
    kept = case / "baseline" / "patches"
    assert [p for p in sorted(case.rglob("*")) if kept not in (p, p.parent)] == before
    assert _unfinished(case) == []


@pytest.mark.parametrize("verb", ["prepare", "tune", "segment"])
def test_a_verb_that_is_cancelled_anywhere_leaves_no_half_written_files_and_can_be_run_again(
    verb: str, patient
) -> None:
    folder = Path(patient["folder"])
    labels = str(folder.parent / "baseline_lesion_mask.nii.gz")
    arguments = {
        "prepare": patient | {"bias_correction": True, "registration": "rigid"},
        "tune": {"case": str(folder), "iterations": 2},
        "segment": {"case": str(folder), "repetitions": 2},
    }
    if verb != "prepare":
        verbs.run("prepare", patient, _unheard)
        verbs.run("annotate", {"case": str(folder), "labels": labels}, _unheard)
    stages: list[str] = []
    for report in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        try:
            verbs.run(verb, arguments[verb], _cancel_at(report))
        except Cancelled as cancelled:
            stages.append(str(cancelled))
        else:
            break
        assert _unfinished(folder) == []
        assert not list(folder.glob("tuned/*"))
        # Lesions are kept once they are complete, also where their uncertainty was cancelled.
        assert all((result / "run.json").is_file() for result in folder.glob("results/*"))
    assert stages
    assert "error" not in verbs.run(verb, arguments[verb], _unheard)


def test_a_request_can_be_cancelled_before_it_begins(running) -> None:
    running.send("cancel", id=running.count + 2)
    assert running.answer(running.send("hello"))["kind"] == "cancelled"


def test_what_is_not_a_request_does_not_make_it_deaf(running) -> None:
    running.process.stdin.write(b"hello?\n" + messages.encode({"id": "x", "verb": []}) + messages.encode({}))
    assert "does not know" in running.answer(running.send("dance"))["message"]


@pytest.mark.parametrize(
    "message",
    [
        b'@pst {"id": 1, "verb": "cancel", "arguments": {"id": [1]}}',
        b'@pst {"id": 1, "verb": "cancel", "arguments": {"id": {}}}',
        b'@pst {"id": 1, "verb": "cancel", "arguments": [1]}',
        b'@pst {"id": [1], "verb": "hello", "arguments": {}}',
        b'@pst {"id": 1, "verb": "hello", "arguments": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"@pst " + b"9" * 10_000,
        b'@pst {"id": ' + b"9" * 10_000 + b', "verb": "hello", "arguments": {}}',
        b"@pst \xff\xfe\x00",
    ],
    ids=lambda message: message[:60].decode("latin-1"),
)
def test_no_message_makes_it_deaf_or_keeps_it_alive(message: bytes) -> None:
    started = RunningWorker()
    started.process.stdin.write(message + b"\n")
    assert "does not know" in started.answer(started.send("dance"))["message"]
    assert started.end() == 0


@pytest.mark.parametrize("verb", [None, 3, [], {}])
def test_a_verb_that_is_no_word_is_not_understood_and_the_next_is_answered(running, verb: object) -> None:
    running.process.stdin.write(messages.encode({"id": 0, "verb": verb, "arguments": {}}))
    assert "does not know" in running.answer(running.send("dance"))["message"]


def test_it_ends_when_it_is_told_to_stop() -> None:
    started = RunningWorker()
    started.send("stop")
    assert started.process.wait(PATIENCE_S) == 0
    started.end()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (InputError("No lesion."), "input", "No lesion."),
        (Cancelled("Stopped."), "cancelled", "Stopped."),
        (MemoryError(), "memory", "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "memory", "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory", "not enough memory"),
        (RuntimeError("itk: Failed to allocate memory for image."), "memory", "not enough memory"),
        (ImportError("no torch", name="torch"), "missing", "PyTorch extension"),
        (ModuleNotFoundError("no safetensors", name="safetensors"), "missing", "package safetensors"),
        (PermissionError(13, "Permission denied", "/case"), "input", "/case cannot be used"),
        (KeyError("slices"), "unexpected", "KeyError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_kind_and_a_sentence(error: Exception, kind: str, words: str) -> None:
    found, sentence = explained(error)
    assert found == kind
    assert words in sentence


def test_an_unexpected_error_comes_with_the_end_of_its_traceback(running) -> None:
    answer = running.answer(running.send("remove", nonsense=1))
    assert answer["kind"] == "unexpected"
    assert "TypeError" in answer["log"][-1]


def test_what_a_library_prints_does_not_come_between_the_messages(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, types\n"
        "class Loud(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        '        print(\'@pst {"id": 1, "type": "result", "result": {}}\')\n'
        "        raise AttributeError(name)\n"
        "sys.modules['torch'] = Loud('torch')\n",
        encoding="utf-8",
    )
    assert _answer_of_hello_with(tmp_path)["kind"] == "missing"


def test_it_ends_when_its_input_closes_even_while_it_works(patient) -> None:
    started = RunningWorker()
    started.send("prepare", **patient)
    next(started.messages())
    assert started.end() == 0


def _answer_of_hello_with(folder: Path) -> dict[str, Any]:
    started = RunningWorker(os.environ | {"PYTHONPATH": str(folder)})
    answer = started.answer(started.send("hello"))
    started.end()
    return answer


def test_half_installed_torch_is_said_and_not_a_crash(tmp_path: Path) -> None:
    # An interrupted installation leaves folders without files, which import as an empty namespace.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n", encoding="utf-8"
    )
    answer = _answer_of_hello_with(tmp_path)
    assert answer["kind"] == "missing"
    assert "PyTorch extension" in answer["message"]


@pytest.mark.parametrize("error", ["OSError('[WinError 126] shm.dll')", "ImportError('libtorch_cpu.so')"])
def test_a_torch_whose_libraries_do_not_load_is_said_and_not_a_crash(tmp_path: Path, error: str) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(f"raise {error}\n", encoding="utf-8")
    answer = _answer_of_hello_with(tmp_path)
    assert answer["kind"] == "missing"
    assert "PyTorch extension" in answer["message"]
