"""Live tuning on a real scene: what nobody touched starts from what was learned, what was drawn stays as it is."""

from __future__ import annotations

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


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    opened = Work(tmp_path, DirectClient())
    opened.prepare_tiny_patient()
    yield opened
    opened.close()


def _wipe(work: Work, *positions: int) -> None:
    """Take everything off some slices, as the program would put nothing there."""
    import slicer
    from PatientSpecificTuningLib.panel.scene import corrections

    node = slicer.mrmlScene.GetNodeByID(work.state.corrections.nodeId)
    facts = work.logic.facts
    grid = facts.images["baselineFirst"].grid
    empty = grid.image(np.zeros(grid.shape, dtype=np.uint8))
    corrections.propose(node, grid, facts.case.workingGrid, empty, positions)
    work.logic.changed()


def test_open_slices_start_from_what_was_learned_and_every_other_slice_stays(work: Work) -> None:
    first, second = (row.slice for row in work.state.corrections.rows)
    _wipe(work, second)
    work.draw(first)
    before = work.drawn()
    work.logic.markCorrected()
    after = work.drawn()
    changed = {int(z) for z in np.flatnonzero((before != after).any(axis=(1, 2)))}
    open_ = {row.slice for row in work.state.corrections.rows if row.status == "untouched"}
    assert changed
    assert changed <= open_
    assert ("learn", [first]) in [(verb, given.get("slices")) for verb, given in work.client.requests]


def test_a_slice_that_the_program_changed_still_counts_as_untouched_and_can_be_changed_again(
    work: Work,
) -> None:
    first, second = (row.slice for row in work.state.corrections.rows)
    _wipe(work, second)
    assert work.statuses()[second] == "untouched"
    work.draw(first)
    work.logic.markCorrected()
    assert work.statuses()[second] == "untouched"
    work.draw(second)
    assert work.statuses()[second] == "in progress"


@pytest.mark.parametrize("erased", [False, True])
def test_what_the_user_drew_is_never_changed_whether_marked_or_not(work: Work, erased: bool) -> None:
    import slicer

    first, second = (row.slice for row in work.state.corrections.rows)
    work.draw(second)
    if erased:
        node = slicer.mrmlScene.GetNodeByID(work.state.corrections.nodeId)
        array = work.drawn()
        array[second] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            array, node, work.state.corrections.segmentId, work.parameters.baselineFirst
        )
        work.logic.changed()
    before = work.drawn()
    work.logic.markCorrected([first])
    after = work.drawn()
    assert np.array_equal(before[[first, second]], after[[first, second]])
    assert work.statuses()[second] == "in progress"


def test_a_segment_that_the_user_added_keeps_the_program_from_writing(work: Work) -> None:
    import slicer

    first, second = (row.slice for row in work.state.corrections.rows)
    _wipe(work, second)
    node = slicer.mrmlScene.GetNodeByID(work.state.corrections.nodeId)
    node.GetSegmentation().AddEmptySegment("", "My own")
    before = work.drawn()
    work.logic.markCorrected([first])
    assert np.array_equal(before, work.drawn())


def test_switched_off_nothing_is_learned_before_it_is_asked_for(work: Work) -> None:
    work.parameters.learnWhileCorrecting = False
    before = work.drawn()
    work.logic.markCorrected()
    assert "learn" not in [verb for verb, _given in work.client.requests]
    assert np.array_equal(before, work.drawn())


def test_known_lesions_are_never_replaced_by_what_the_cnn_finds(work: Work) -> None:
    import slicer

    labels = work.folder / "patient" / "baseline_lesion_mask.nii.gz"
    work.parameters.baselineLesions = slicer.util.loadLabelVolume(str(labels))
    work.logic.startAgain("known")
    before = work.drawn()
    work.logic.markCorrected()
    assert "learn" in [verb for verb, _given in work.client.requests]
    assert np.array_equal(before, work.drawn())


def test_nothing_changes_while_a_mouse_button_is_held(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    import qt

    _first, second = (row.slice for row in work.state.corrections.rows)
    _wipe(work, second)
    before = work.drawn()
    with monkeypatch.context() as held:
        held.setattr(qt.QApplication, "mouseButtons", lambda: qt.Qt.LeftButton)
        work.logic.markCorrected()
        assert np.array_equal(before, work.drawn())
    work.logic._showLearned(work.logic._asked)
    assert not np.array_equal(before, work.drawn())


def test_an_answer_to_an_earlier_mark_is_not_shown(work: Work) -> None:
    first, second = (row.slice for row in work.state.corrections.rows)
    work.logic.markCorrected([first])
    asked = work.logic._asked
    work.parameters.learnWhileCorrecting = False
    work.logic.markCorrected([second])
    before = work.state
    work.logic._showLearned(asked)
    assert work.state.corrections.rows == before.corrections.rows


def test_a_version_is_made_only_when_it_is_asked_for(work: Work) -> None:
    work.logic.markCorrected()
    assert [version.title for version in work.state.review.versions] == ["Base CNN"]
    assert work.state.step == "correct"
    work.logic.tune(waitForCompletion=True)
    assert len(work.state.review.versions) == 2


def test_the_papers_settings_are_for_results_and_not_for_learning_in_between(work: Work) -> None:
    work.parameters.tuningSettings = "paper"
    work.draw(work.state.corrections.rows[0].slice)
    work.logic.markCorrected()
    learned = next(given for verb, given in work.client.requests if verb == "learn")
    assert learned["settings"] == "default"
    assert work.logic.tuningSettings()["settings"] == "paper"
