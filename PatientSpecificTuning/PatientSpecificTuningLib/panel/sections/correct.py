"""Step 2: from slice to slice, what the CNN learns from, and on to the result."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ..situation.state import CHANGED_SINCE
from ..situation.state import CORRECTED
from ..situation.state import RESULT
from ..situation.state import Allowed
from ..situation.state import PanelState
from ..situation.state import SliceRow
from .drawing import allow
from .drawing import show

# Logit of one step of the slider.
SHIFT_STEP = 0.5


class CorrectSection:
    """The buttons around the list and the editor."""

    def __init__(self, ui, logic) -> None:
        self.ui = ui
        self.logic = logic
        ui.shiftSlider.connect("valueChanged(int)", logic.guarded(self._shift))
        for button, command in (
            (ui.previousButton, lambda: logic.previousSlice()),
            (ui.nextButton, lambda: logic.nextSlice()),
            (ui.addSliceButton, lambda: logic.addShownSlice()),
            (ui.takeBackButton, self._takeBack),
            (ui.correctedButton, lambda: logic.markCorrected()),
            (ui.showResultButton, self._showResult),
            (ui.tuneAgainButton, lambda: logic.tune()),
            (ui.startAgainCnnButton, lambda: self._startAgain("cnn")),
            (ui.startAgainKnownButton, lambda: self._startAgain("known")),
        ):
            button.connect("clicked()", logic.guarded(command))

    def update(self, state: PanelState) -> None:
        """Say what to do, what was learned, and what can be done now."""
        ui = self.ui
        show(ui.correctLabel, state.canCorrect.reason or _whatToDo(state))
        for button in (ui.previousButton, ui.nextButton):
            allow(button, state.canCorrect)
        allow(ui.correctedButton, state.canMark)
        allow(ui.addSliceButton, state.canAddSlice)
        self._showShift(state)
        shown = _shown(state)
        ui.takeBackButton.text = _("Remove") if shown is not None and _isOnlyAdded(shown) else _("Unmark")
        ui.takeBackButton.enabled = shown is not None and (_isMarked(shown) or _isOnlyAdded(shown))
        allow(ui.showResultButton, state.canTune if state.newSince else state.canReview)
        allow(ui.tuneAgainButton, state.canTune)
        allow(ui.startAgainCnnButton, state.canStartAgain)
        allow(ui.startAgainKnownButton, self._canStartFromKnown(state))

    def _showShift(self, state: PanelState) -> None:
        slider = self.ui.shiftSlider
        allow(slider, state.canShift)
        was = slider.blockSignals(True)
        slider.value = round(state.corrections.shift / SHIFT_STEP)
        slider.blockSignals(was)

    def _shift(self, steps: int) -> None:
        self.logic.setSliceShift(steps * SHIFT_STEP)

    def _takeBack(self) -> None:
        shown = _shown(self.logic.state)
        if shown is None:
            return
        if _isOnlyAdded(shown):
            self.logic.removeSlice(shown.slice)
        else:
            self.logic.unmark(shown.slice)

    def _showResult(self) -> None:
        # What is drawn in the panel may be a moment old.
        state = self.logic.state
        if state.canTune and state.newSince:
            self.logic.tune()
        else:
            self.logic.showStep(RESULT)

    def _startAgain(self, source: str) -> None:
        question = _("Start the corrections again? What you drew until now is kept, hidden.")
        if slicer.util.confirmOkCancelDisplay(question):
            self.logic.startAgain(source)

    def _canStartFromKnown(self, state: PanelState) -> Allowed:
        known = state.baseline.images[-1:]
        if known and known[0].nodeId:
            return state.canStartAgain
        return Allowed(_("Choose known lesions of the baseline in step 1 first."))


def _whatToDo(state: PanelState) -> str:
    if state.corrections.learned:
        return state.corrections.summary
    return _("Paint or erase what is wrong on a slice, then press C. The first slice is worth most.")


def _shown(state: PanelState) -> SliceRow | None:
    return next((row for row in state.corrections.rows if row.isShown), None)


def _isMarked(row: SliceRow) -> bool:
    return row.status in (CORRECTED, CHANGED_SINCE)


def _isOnlyAdded(row: SliceRow) -> bool:
    return not row.isProposed and not _isMarked(row)
