"""What a person decides in the third step: which CNN is used, and how the examinations lie on each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from panel_harness import DirectClient
from panel_harness import Work
from panel_harness import start_standin


@pytest.fixture(scope="module", autouse=True)
def _application():
    start_standin()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """A tiny patient, corrected on one slice, tuned and segmented without uncertainty."""
    work = Work(tmp_path_factory.mktemp("finished"), DirectClient())
    work.parameters.repetitions = 0
    work.finish_tiny_patient()
    yield work
    work.close()


def test_the_base_cnn_is_kept_and_the_tuned_one_taken_back_by_whom_the_record_names(finished: Work) -> None:
    finished.logic.decide("base", waitForCompletion=True)
    review = finished.state.review
    assert next(v for v in review.versions if v.number == review.shown).isBase
    assert review.decided == "base"
    record = Path(finished.state.caseFolder) / "tuned" / review.decidable / "decision.json"
    kept = json.loads(record.read_text(encoding="utf-8"))
    assert kept["choice"] == "base"
    assert kept["by"] in review.decision
    finished.logic.decide("tuned", waitForCompletion=True)
    review = finished.state.review
    assert next(v for v in review.versions if v.number == review.shown).tuned == review.decidable
    assert review.decided == "tuned"


def test_a_verdict_that_newer_work_ended_is_asked_for_again(finished: Work) -> None:
    number = finished.state.review.decidable
    verdict = Path(finished.state.caseFolder) / "tuned" / number / "verdict.json"
    verdict.unlink()
    finished.logic.changed()
    finished.logic.workAhead()
    assert verdict.is_file()
    assert finished.client.requests[-1] == ("judge", {"case": finished.state.caseFolder, "number": number})
    asked = len(finished.client.requests)
    finished.logic.workAhead()
    assert "judge" not in [verb for verb, _arguments in finished.client.requests[asked:]]


def test_an_alignment_that_is_not_looked_at_cannot_be_used(finished: Work) -> None:
    from PatientSpecificTuningLib.engine.errors import InputError

    with pytest.raises(InputError, match="Look at the alignment first"):
        finished.logic.useAlignment()


def test_a_baseline_that_was_moved_by_hand_is_compared_with_where_it_was_moved_to(finished: Work) -> None:
    import slicer

    found = np.reshape(finished.logic.facts.case.toBaseline, (4, 4))
    finished.logic.lookAtAlignment(True)
    assert [overlay.role for overlay in finished.state.overlays] == ["blend"]
    finished.settle()
    moved = np.eye(4)
    moved[0, 3] = 1.5
    finished.logic.handTransform().SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    before = finished.state.review.shown
    finished.logic.useAlignment(waitForCompletion=True)
    used = np.reshape(finished.logic.facts.case.toBaseline, (4, 4))
    # What lay at a place of the follow-up lies 1.5 mm further to the right now.
    assert used @ [1.5, 0, 0, 1] == pytest.approx(found @ [0, 0, 0, 1], abs=1e-4)
    assert finished.state.review.shown != before
    assert finished.state.review.alignment.startswith("Alignment, by hand")
    assert finished.logic.handTransform() is not None
    finished.logic.findAlignment(waitForCompletion=True)
    again = np.reshape(finished.logic.facts.case.toBaseline, (4, 4))
    assert again == pytest.approx(found, abs=1e-4)
    assert finished.state.review.shown == before
    finished.logic.lookAtAlignment(False)
