"""Step 3: the version that is shown, the one it is compared with, and the verdict."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ..situation.state import CORRECT
from ..situation.state import PanelState
from .drawing import allow
from .drawing import fillSelector
from .drawing import plainTip
from .drawing import show


class ResultSection:
    """Two lists of versions, a sentence on the lesions, and how they agree with known ones."""

    def __init__(self, ui, logic) -> None:
        self.ui = ui
        self.logic = logic
        self._shown = ""
        ui.resultSelector.connect("activated(int)", logic.guarded(self._choose))
        ui.comparedSelector.connect("activated(int)", logic.guarded(self._chooseCompared))
        ui.removeResultButton.connect("clicked()", logic.guarded(self._remove))
        ui.judgeButton.connect("clicked()", logic.guarded(lambda: logic.evaluate()))
        ui.keepBaseButton.connect("clicked()", logic.guarded(lambda: logic.decide("base")))
        ui.useTunedButton.connect("clicked()", logic.guarded(lambda: logic.decide("tuned")))
        ui.backButton.connect("clicked()", logic.guarded(lambda: logic.showStep(CORRECT)))

    def update(self, state: PanelState) -> None:
        """Show the versions and what they say."""
        review, ui = state.review, self.ui
        self._shown = review.shown
        entries = [(version.number, version.title) for version in review.versions]
        fillSelector(ui.resultSelector, entries, review.shown)
        fillSelector(ui.comparedSelector, [e for e in entries if e[0] != review.shown], review.compared)
        allow(ui.comparedSelector, state.canCompareVersions)
        allow(ui.removeResultButton, state.canRemoveVersion)
        ui.resultSelector.toolTip = plainTip(_details(state))
        shown = next((version for version in review.versions if version.number == review.shown), None)
        outdated = shown is not None and shown.correctionsChanged
        since = _("Corrections changed since; go back and show the result again.") if outdated else ""
        moved = (
            _("The alignment changed since; choose Use this alignment once more.")
            if review.isAlignmentOld
            else ""
        )
        poor = "" if review.isAligned else review.alignment
        said = (review.sentence or state.canReview.reason, since, moved, poor)
        show(ui.summaryLabel, "\n".join(filter(None, said)))
        show(ui.verdictLabel, "\n".join(filter(None, (review.verdict, review.judged))))
        self._drawDecision(state)
        ui.verdictLabel.toolTip = plainTip(review.verdictDetails)
        allow(ui.judgeButton, state.canEvaluate)
        # Known lesions are seldom there, and compared with once.
        isKnown = bool(state.followup.images) and bool(state.followup.images[-1].nodeId)
        ui.judgeButton.setVisible(isKnown and not review.judged)
        allow(ui.backButton, state.canCorrect)

    def _drawDecision(self, state: PanelState) -> None:
        """Two buttons until somebody decided, the better one bold; then who did, and the other one to think again."""
        review, ui = state.review, self.ui
        show(ui.decisionLabel, review.decision)
        for choice, button in (("base", ui.keepBaseButton), ("tuned", ui.useTunedButton)):
            button.setVisible(bool(review.decidable) and review.decided != choice)
            allow(button, state.canDecide)
            isBold = review.recommended == choice and not review.decided
            button.styleSheet = "font-weight: bold" if isBold else ""

    def _choose(self, index: int) -> None:
        self.logic.chooseVersion(self.ui.resultSelector.itemData(index))

    def _chooseCompared(self, index: int) -> None:
        self.logic.chooseCompared(self.ui.comparedSelector.itemData(index))

    def _remove(self) -> None:
        question = _("Remove this version from the case? This cannot be undone.")
        if slicer.util.confirmOkCancelDisplay(question):
            self.logic.removeVersion(self._shown)


def _details(state: PanelState) -> str:
    found = [version for version in state.review.versions if version.number == state.review.shown]
    return found[0].details if found else ""
