"""A fault at the changes of the whole life of a case and of a study; `python3 Testing/faults.py` tries every single one."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_story import FAULTS
from fault_story import every_fault
from study_story import StudyStory


@pytest.mark.long
def test_whatever_happens_at_a_change_nothing_is_lost_or_half_and_the_next_run_completes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A prime, so that every kind of fault meets every kind of change.
    story = every_fault(tmp_path, every=41)
    assert sum(story.points.values()) > 200
    assert set(story.injected) == set(FAULTS)
    assert "changes" in capsys.readouterr().out


@pytest.mark.long
def test_a_study_loses_nothing_and_holds_nothing_half_whatever_happens_at_a_change(tmp_path: Path) -> None:
    story = every_fault(tmp_path, kind=StudyStory, every=107)
    assert sum(story.points.values()) > 200
    assert set(story.injected) == set(FAULTS)
