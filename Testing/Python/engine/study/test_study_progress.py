"""How far a study is, in words, in a file, and with the time that is left."""

from __future__ import annotations

import json

from PatientSpecificTuningLib.engine.study import study_progress
from PatientSpecificTuningLib.engine.study.study_progress import ProgressRecord
from PatientSpecificTuningLib.engine.study.study_progress import StudyProgress


def test_steps_and_patients_are_counted_and_written(tmp_path):
    told: list[StudyProgress] = []
    record = ProgressRecord(tmp_path, patients=2, steps=4, report=told.append)
    record.step()
    record.step()
    record.patient(failures=1)
    assert (told[-1].patients_done, told[-1].steps_done, told[-1].failures) == (1, 2, 1)
    assert json.loads((tmp_path / "progress.json").read_text(encoding="utf-8"))["patients_done"] == 1


def test_the_time_left_follows_the_latest_steps(tmp_path, monkeypatch):
    clock = iter([0.0, *[0.0] * 30, *[float(60 * i) for i in range(1, 31)]])
    monkeypatch.setattr(study_progress.time, "monotonic", lambda: next(clock))
    told: list[StudyProgress] = []
    record = ProgressRecord(tmp_path, patients=5, steps=70, report=told.append)
    for _ in range(60):
        record.step()
    # Thirty steps were there already; the others took a minute each, and ten are left.
    assert told[-1].seconds_left == 600


def test_progress_reads_as_a_sentence():
    assert str(StudyProgress(1, 3, 12, 36, 0, 4000.0)) == "1 of 3 patients, 12 of 36 steps, about 67 min left"
    assert (
        str(StudyProgress(0, 3, 1, 36, 2, 30.0))
        == "0 of 3 patients, 1 of 36 steps, 2 failed, about 30 s left"
    )
    assert str(StudyProgress(0, 3, 0, 36, 0, None)) == "0 of 3 patients, 0 of 36 steps"
