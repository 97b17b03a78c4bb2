"""The three steps: a button each, and the page of the step that is shown."""

from __future__ import annotations

from ..situation.state import CORRECT
from ..situation.state import RESULT
from ..situation.state import SCANS
from ..situation.state import STEPS
from ..situation.state import Allowed
from ..situation.state import PanelState
from .drawing import allow


class StepBar:
    """Leads from step to step."""

    def __init__(self, ui, logic) -> None:
        self.stack = ui.stepStack
        self.buttons = {
            SCANS: ui.scansStepButton,
            CORRECT: ui.correctStepButton,
            RESULT: ui.resultStepButton,
        }
        for step, button in self.buttons.items():
            button.connect("clicked()", logic.guarded(lambda step=step: logic.showStep(step)))

    def update(self, state: PanelState) -> None:
        """Show the page of the step."""
        allowed = {SCANS: Allowed(), CORRECT: state.canCorrect, RESULT: state.canReview}
        for step, button in self.buttons.items():
            allow(button, allowed[step])
        self.buttons[state.step].checked = True
        self.stack.setCurrentIndex(STEPS.index(state.step))
