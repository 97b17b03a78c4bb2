"""More or less of a slice is marked by the CNN as long as nobody has drawn on it."""

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


def _shown(work: Work) -> int:
    return next(row.slice for row in work.state.corrections.rows if row.isShown)


def test_more_and_less_change_the_shown_slice_alone_and_the_middle_brings_back_what_was_there(
    work: Work,
) -> None:
    shown, before = _shown(work), work.drawn()
    areas = []
    for shift in (-4.0, 0.0, 4.0):
        work.logic.setSliceShift(shift)
        now = work.drawn()
        assert np.array_equal(np.delete(now, shown, 0), np.delete(before, shown, 0))
        assert work.statuses()[shown] == "untouched"
        assert work.state.corrections.shift == shift
        areas.append(int(now[shown].sum()))
    assert areas[0] < areas[2]
    work.logic.setSliceShift(0.0)
    assert np.array_equal(work.drawn(), before)


@pytest.mark.parametrize("how", ["drawn on", "marked"])
def test_a_slice_that_the_user_drew_on_or_marked_stays_as_it_is(work: Work, how: str) -> None:
    from PatientSpecificTuningLib.engine.errors import InputError

    shown = _shown(work)
    if how == "marked":
        work.parameters.learnWhileCorrecting = False
        work.logic.markCorrected([shown])
    else:
        work.draw(shown)
    before = work.drawn()
    assert not work.state.canShift
    with pytest.raises(InputError, match="drawn on this slice or marked it, so it stays"):
        work.logic.setSliceShift(3.0)
    assert np.array_equal(work.drawn(), before)


def test_learning_leaves_a_slice_alone_for_which_the_user_chose(work: Work) -> None:
    first, second = (row.slice for row in work.state.corrections.rows)
    work.logic.goToSlice(second)
    work.logic.setSliceShift(-4.0)
    chosen = work.drawn()[second]
    work.draw(first)
    work.logic.markCorrected([first])
    assert "learn" in [verb for verb, _given in work.client.requests]
    assert np.array_equal(work.drawn()[second], chosen)


def test_after_learning_it_is_the_softmax_of_the_cnn_that_has_learned(work: Work) -> None:
    first, second = (row.slice for row in work.state.corrections.rows)
    before = work.drawn()[second]
    work.draw(first)
    work.logic.markCorrected([first])
    work.logic.goToSlice(second)
    learned = work.drawn()[second]
    assert not np.array_equal(learned, before)
    for shift in (-4.0, 0.0):
        work.logic.setSliceShift(shift)
    assert np.array_equal(work.drawn()[second], learned)


def test_a_segment_that_the_user_added_keeps_every_slice_as_it_is(work: Work) -> None:
    import slicer
    from PatientSpecificTuningLib.engine.errors import InputError

    node = slicer.mrmlScene.GetNodeByID(work.state.corrections.nodeId)
    node.GetSegmentation().AddEmptySegment("", "My own")
    before = work.drawn()
    with pytest.raises(InputError, match="segment of your own"):
        work.logic.setSliceShift(4.0)
    assert np.array_equal(work.drawn(), before)
    assert work.state.corrections.shift == 0


def test_known_lesions_are_not_shifted(work: Work) -> None:
    import slicer

    labels = work.folder / "patient" / "baseline_lesion_mask.nii.gz"
    work.parameters.baselineLesions = slicer.util.loadLabelVolume(str(labels))
    work.logic.startAgain("known")
    assert "started from known lesions" in work.state.canShift.reason
