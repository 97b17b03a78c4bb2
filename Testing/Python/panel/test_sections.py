"""The sections on the stand-in: what each draws of a state and which command a click sends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from conftest import PACKAGE_ROOT
from panel_harness import start_standin
from PatientSpecificTuningLib.panel.situation.state import CORRECT
from PatientSpecificTuningLib.panel.situation.state import CORRECTED
from PatientSpecificTuningLib.panel.situation.state import FAILURE
from PatientSpecificTuningLib.panel.situation.state import RESULT
from PatientSpecificTuningLib.panel.situation.state import UNTOUCHED
from PatientSpecificTuningLib.panel.situation.state import Allowed
from PatientSpecificTuningLib.panel.situation.state import Corrections
from PatientSpecificTuningLib.panel.situation.state import LesionRow
from PatientSpecificTuningLib.panel.situation.state import Message
from PatientSpecificTuningLib.panel.situation.state import PanelState
from PatientSpecificTuningLib.panel.situation.state import Provenance
from PatientSpecificTuningLib.panel.situation.state import Review
from PatientSpecificTuningLib.panel.situation.state import Running
from PatientSpecificTuningLib.panel.situation.state import SliceRow
from PatientSpecificTuningLib.panel.situation.state import Version


class RecordingLogic:
    """Remembers which commands were given."""

    def __init__(self) -> None:
        from PatientSpecificTuningLib.jobs.signals import Signal

        self.state = PanelState()
        self.stateChanged, self.followed, self.logged = Signal(), Signal(), Signal()
        self.commands: list[tuple] = []

    def guarded(self, action: Callable) -> Callable:
        def slot(*arguments: Any) -> None:
            action(*arguments)

        return slot

    def __getattr__(self, name: str) -> Callable:
        return lambda *arguments: self.commands.append((name, *arguments))


class DrawnPanel:
    """All sections with a logic that only records."""

    def __init__(self) -> None:
        import slicer
        from PatientSpecificTuningLib.panel.widget import Panel
        from PatientSpecificTuningLib.panel.widget import loadPanel

        self.frame = loadPanel(lambda name: str(PACKAGE_ROOT / "Resources" / name))
        self.ui, self.logic = slicer.util.childWidgetVariables(self.frame), RecordingLogic()
        self.panel = Panel(self.ui, self.logic)

    def draw(self, state: PanelState) -> None:
        self.logic.state = state
        self.logic.commands.clear()
        self.panel.draw(state)


@pytest.fixture(scope="module")
def drawn() -> DrawnPanel:
    start_standin()
    return DrawnPanel()


def _slice(position: int, status: str = UNTOUCHED, **changes: Any) -> SliceRow:
    row = SliceRow(position, f"S {position} mm", "the CNN is unsure", 20.0, status, status, True, False)
    return dataclasses.replace(row, **changes)


def _lesion(key: str, change: str, before: float | None, after: float | None, **changes: Any) -> LesionRow:
    row = LesionRow(key, key, change, change, before, after, None, None, 0.05, None, None)
    return dataclasses.replace(row, **changes)


CORRECTING = PanelState(
    step=CORRECT,
    isPrepared=True,
    corrections=Corrections(
        "node", "Lesion", (_slice(30, CORRECTED), _slice(26, isShown=True)), (30,), "one"
    ),
)
REVIEWING = PanelState(
    step=RESULT,
    isPrepared=True,
    review=Review(
        versions=(Version("2", "Patient-specific CNN 1", "", 3, 1.2, isBase=False, hasUncertainty=True),),
        shown="2",
        sentence="3 lesions, 1.2 ml.",
        rows=(
            _lesion("a", "new", None, 30.0),
            _lesion("b", "vanished", 90.0, None),
            _lesion("c", "grown", 5, 9),
        ),
        overlays=frozenset({"outlines"}),
    ),
)


def test_one_step_is_shown_at_a_time(drawn: DrawnPanel) -> None:
    for state, index in ((PanelState(), 0), (CORRECTING, 1), (REVIEWING, 2)):
        drawn.draw(state)
        assert drawn.ui.stepStack.currentIndex == index


def test_drawing_a_state_gives_no_command(drawn: DrawnPanel) -> None:
    for state in (PanelState(), CORRECTING, REVIEWING, CORRECTING):
        drawn.draw(state)
        assert drawn.logic.commands == []


def test_a_button_that_cannot_be_pressed_says_why(drawn: DrawnPanel) -> None:
    drawn.draw(PanelState(canStart=Allowed("Choose the FLAIR of the <baseline>.")))
    assert not drawn.ui.startButton.enabled
    assert "Choose the FLAIR of the &lt;baseline&gt;." in drawn.ui.startButton.toolTip
    drawn.draw(PanelState())
    assert drawn.ui.startButton.enabled
    assert drawn.ui.startButton.toolTip.startswith("Prepare both")


def test_start_takes_the_folder_that_is_shown_where_nobody_chose_one(drawn: DrawnPanel) -> None:
    drawn.draw(PanelState(casesFolder="/cases", asksForCasesFolder=True))
    drawn.ui.startButton.click()
    assert drawn.logic.commands == [("setCasesFolder", "/cases"), ("start",)]


def test_the_chosen_row_is_the_slice_that_is_shown(drawn: DrawnPanel) -> None:
    drawn.draw(CORRECTING)
    assert drawn.ui.sliceTable.currentRow() == 1
    drawn.ui.sliceTable.setCurrentCell(0, 0)
    assert drawn.logic.commands == [("goToSlice", 30)]


def test_a_mark_is_taken_back_and_an_added_slice_removed(drawn: DrawnPanel) -> None:
    marked = dataclasses.replace(CORRECTING.corrections, rows=(_slice(30, CORRECTED, isShown=True),))
    drawn.draw(dataclasses.replace(CORRECTING, corrections=marked))
    drawn.ui.takeBackButton.click()
    added = dataclasses.replace(CORRECTING.corrections, rows=(_slice(7, isProposed=False, isShown=True),))
    assert drawn.logic.commands == [("unmark", 30)]
    drawn.draw(dataclasses.replace(CORRECTING, corrections=added))
    drawn.ui.takeBackButton.click()
    assert drawn.logic.commands == [("removeSlice", 7)]


def test_the_slider_of_a_slice_shows_its_shift_and_asks_for_another(drawn: DrawnPanel) -> None:
    from PatientSpecificTuningLib.engine.lesions.shifted_slice import LARGEST_SHIFT
    from PatientSpecificTuningLib.panel.sections.correct import SHIFT_STEP

    slider = drawn.ui.shiftSlider
    assert (slider.minimum * SHIFT_STEP, slider.maximum * SHIFT_STEP) == (-LARGEST_SHIFT, LARGEST_SHIFT)
    shifted = dataclasses.replace(CORRECTING.corrections, shift=1.5)
    drawn.draw(dataclasses.replace(CORRECTING, corrections=shifted))
    assert (drawn.ui.shiftSlider.value, drawn.logic.commands) == (3, [])
    drawn.ui.shiftSlider.value = -8
    assert drawn.logic.commands == [("setSliceShift", -4.0)]
    drawn.draw(dataclasses.replace(CORRECTING, canShift=Allowed("You have drawn on it.")))
    assert (drawn.ui.shiftSlider.value, drawn.ui.shiftSlider.enabled) == (0, False)


@pytest.mark.parametrize(("is_new", "command"), [(True, ("tune",)), (False, ("showStep", RESULT))])
def test_show_result_learns_only_where_there_is_something_new(
    drawn: DrawnPanel, is_new: bool, command: tuple
) -> None:
    drawn.draw(dataclasses.replace(CORRECTING, newSince=is_new))
    drawn.ui.showResultButton.click()
    assert drawn.logic.commands == [command]


def test_lesions_are_listed_with_what_they_were_and_are(drawn: DrawnPanel) -> None:
    drawn.draw(REVIEWING)
    table = drawn.ui.lesionTable
    cells = [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount)]
    assert cells[0] == ["a", "new", "\u2013", "30 mm\u00b3"]
    assert cells[1] == ["b", "vanished", "90 mm\u00b3", "\u2013"]


def test_a_doubtful_change_is_folded_until_its_line_is_opened(drawn: DrawnPanel) -> None:
    sure = _lesion("a", "new", None, 30, isSure=True)
    doubtful = _lesion("b", "grown", 50, 70, isSure=False, changeProbability=0.6)
    rows = (doubtful, sure)
    drawn.draw(dataclasses.replace(REVIEWING, review=dataclasses.replace(REVIEWING.review, rows=rows)))
    assert [drawn.ui.lesionTable.rowCount, drawn.ui.lesionTable.item(0, 0).text()] == [1, "a"]
    assert drawn.ui.doubtfulButton.text == "+ 1 doubtful"
    drawn.ui.doubtfulButton.click()
    assert drawn.ui.lesionTable.rowCount == 2
    assert drawn.ui.lesionTable.item(1, 1).text() == "grown?"
    assert "60 %" in drawn.ui.lesionTable.item(1, 1).toolTip()


def test_a_stable_lesion_is_not_in_doubt(drawn: DrawnPanel) -> None:
    stable = _lesion("a", "stable", 50, 52, isSure=False, changeProbability=0.1)
    drawn.draw(dataclasses.replace(REVIEWING, review=dataclasses.replace(REVIEWING.review, rows=(stable,))))
    assert drawn.ui.lesionTable.item(0, 1).text() == "stable"
    assert drawn.ui.doubtfulButton.isHidden()


def test_the_cnn_that_was_chosen_cannot_be_chosen_again(drawn: DrawnPanel) -> None:
    judged = dataclasses.replace(REVIEWING.review, decidable="0001", recommended="base")
    drawn.draw(dataclasses.replace(REVIEWING, review=judged))
    assert not drawn.ui.keepBaseButton.isHidden()
    drawn.ui.keepBaseButton.click()
    assert drawn.logic.commands == [("decide", "base")]
    decided = dataclasses.replace(judged, decided="base", decision="The base CNN is kept (2020-01-31).")
    drawn.draw(dataclasses.replace(REVIEWING, review=decided))
    assert drawn.ui.keepBaseButton.isHidden()
    assert not drawn.ui.useTunedButton.isHidden()
    assert drawn.ui.decisionLabel.text == decided.decision


def test_the_page_on_the_alignment_says_in_its_heading_whether_it_is_good(drawn: DrawnPanel) -> None:
    poor = dataclasses.replace(REVIEWING.review, alignment="Alignment: poor.", isAligned=False)
    drawn.draw(dataclasses.replace(REVIEWING, review=poor))
    assert drawn.ui.resultTabs.tabText(1) == "Alignment: poor"
    assert "Alignment: poor." in drawn.ui.summaryLabel.text


def test_how_a_version_was_made_can_be_read_in_one_place(drawn: DrawnPanel) -> None:
    made = Provenance((("Learned from", "corrected slices S 9.0 mm"),), (0.5, 0.2))
    drawn.draw(dataclasses.replace(REVIEWING, review=dataclasses.replace(REVIEWING.review, provenance=made)))
    assert "S 9.0 mm" in drawn.ui.provenanceText.toPlainText()
    assert "0.500 to 0.200" in drawn.ui.lossTitle.text


def test_walking_through_the_table_selects_lesion_after_lesion(drawn: DrawnPanel) -> None:
    drawn.draw(REVIEWING)
    for row in (0, 1):
        drawn.ui.lesionTable.setCurrentCell(row, 0)
    assert drawn.logic.commands == [("selectLesion", "a"), ("selectLesion", "b")]


def test_a_smallest_size_leaves_out_small_lesions(drawn: DrawnPanel) -> None:
    drawn.draw(REVIEWING)
    drawn.ui.sizeFilter.value = 20
    assert drawn.ui.lesionTable.rowCount == 2
    drawn.ui.sizeFilter.value = 0
    assert drawn.ui.lesionTable.rowCount == 3


def test_cancel_is_there_while_somebody_waits_and_not_for_work_ahead(drawn: DrawnPanel) -> None:
    drawn.draw(PanelState(running=Running("Preparing", 0.5, 42.0)))
    assert not drawn.ui.cancelButton.isHidden()
    assert (drawn.ui.taskLabel.text, drawn.ui.timeLeftLabel.text) == ("Preparing", "about 40 s left")
    assert drawn.ui.progressBar.value == 500
    drawn.draw(PanelState(running=Running("Working ahead", isAhead=True)))
    assert drawn.ui.cancelButton.isHidden()


def test_a_failure_stays_in_sight_in_every_step(drawn: DrawnPanel) -> None:
    for state in (PanelState(), CORRECTING, REVIEWING):
        drawn.draw(dataclasses.replace(state, message=Message("The disk is full.", FAILURE)))
        assert drawn.ui.messageLabel.text == "The disk is full."
        assert not drawn.ui.messageIcon.isHidden()


def test_columns_are_measured_once_however_many_cells_change(
    drawn: DrawnPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt
    from PatientSpecificTuningLib.panel.sections import lesion_table

    header, columns = drawn.ui.lesionTable.horizontalHeader(), range(6)
    before = [header.sectionResizeMode(column) for column in columns]
    assert qt.QHeaderView.ResizeToContents in before
    while_changed, real = set(), lesion_table.setCell

    def changed(*arguments: Any) -> None:
        while_changed.update(header.sectionResizeMode(column) for column in columns)
        real(*arguments)

    monkeypatch.setattr(lesion_table, "setCell", changed)
    for larger in (0.0, 1.0):
        rows = tuple(_lesion(str(i), "new", None, i + larger) for i in range(20))
        drawn.draw(dataclasses.replace(REVIEWING, review=dataclasses.replace(REVIEWING.review, rows=rows)))
    assert while_changed == {qt.QHeaderView.Fixed}
    assert [header.sectionResizeMode(column) for column in columns] == before
