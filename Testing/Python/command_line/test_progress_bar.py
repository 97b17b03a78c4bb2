"""Progress on standard error: bars where somebody watches, few lines where a log is kept, nothing when quiet."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr

import pytest
from PatientSpecificTuningLib.command_line.progress_bar import cohort_bar
from PatientSpecificTuningLib.command_line.progress_bar import progress_bars
from PatientSpecificTuningLib.engine.study.study_progress import StudyProgress

REPORTS = [("Reading", 0.0), ("Reading", 0.5), ("Reading", 1.0), ("Fine-tuning", 0.1), ("Fine-tuning", 1.0)]


class Terminal(io.StringIO):
    """Standard error that somebody watches."""

    def isatty(self) -> bool:
        return True


def _work(error: io.StringIO) -> str:
    with redirect_stderr(error), progress_bars() as progress:
        for report in REPORTS:
            progress(*report)
    return error.getvalue()


def _run_study(error: io.StringIO) -> str:
    with redirect_stderr(error), cohort_bar() as report:
        for patients, steps in ((0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (2, 4)):
            report(StudyProgress(patients, 2, steps, 4, 0, None))
    return error.getvalue()


def test_a_log_gets_one_line_for_each_stage() -> None:
    assert _work(io.StringIO()).splitlines() == ["Reading", "Fine-tuning"]


def test_a_log_gets_one_line_for_each_patient_of_a_study() -> None:
    lines = _run_study(io.StringIO()).splitlines()
    assert lines == ["1 of 2 patients, 2 of 4 steps", "2 of 2 patients, 4 of 4 steps"]


def test_a_terminal_gets_a_bar_for_each_stage() -> None:
    drawn = _work(Terminal())
    assert "Reading: 100%|" in drawn
    assert "Fine-tuning: 100%|" in drawn


def test_a_terminal_gets_one_bar_for_a_study() -> None:
    drawn = _run_study(Terminal())
    assert "100%|" in drawn
    assert "2 of 2 patients" in drawn


def test_without_the_library_of_bars_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert _work(Terminal()).splitlines() == ["Reading", "Fine-tuning"]


def test_nothing_is_told_where_it_is_unwanted(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(shown=False) as progress, cohort_bar(shown=False) as report:
        assert progress is None
        assert report is None
    assert capsys.readouterr().err == ""
