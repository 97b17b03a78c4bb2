"""Step 1: which images are compared, what does not fit, and Start."""

from __future__ import annotations

from pathlib import Path

from slicer.i18n import tr as _

from ..situation.state import CORRECT
from ..situation.state import Examination
from ..situation.state import PanelState
from .drawing import allow
from .drawing import bullets
from .drawing import plainTip
from .drawing import show

PARTS = ("First", "Second", "Mask", "Lesions")


class ScansSection:
    """Two columns of selectors, which are bound to the parameter node, and what is said about them."""

    def __init__(self, ui, logic) -> None:
        self.ui, self.logic = ui, logic
        ui.sampleButton.connect("clicked()", logic.guarded(lambda: logic.loadSample()))
        ui.startButton.connect("clicked()", logic.guarded(self._start))
        ui.continueButton.connect("clicked()", logic.guarded(lambda: logic.showStep(CORRECT)))
        ui.openCaseFolderButton.connect("clicked()", logic.guarded(lambda: logic.openCaseFolder()))

    def update(self, state: PanelState) -> None:
        """Name the images as the model does, and say what is missing or that all is there."""
        for examination in state.examinations:
            self._drawImages(examination)
        show(self.ui.problemsLabel, bullets(state.problems + state.hints) or self._complete(state))
        show(self.ui.preparedLabel, bullets(state.baseline.notes + state.followup.notes))
        allow(self.ui.startButton, state.canStart)
        self.ui.startButton.setVisible(not state.isPrepared)
        self.ui.continueButton.setVisible(state.isPrepared)
        allow(self.ui.continueButton, state.canCorrect)
        allow(self.ui.workingImagesCheckBox, state.canSeeWorkingImages)
        self.ui.workingImagesCheckBox.setVisible(state.isPrepared)
        # The whole path is wider than the panel.
        self.ui.caseFolderLabel.text = Path(state.caseFolder).name
        self.ui.caseFolderLabel.toolTip = plainTip(state.caseFolder)
        self.ui.openCaseFolderButton.enabled = bool(state.caseFolder) and state.isPrepared

    def _start(self) -> None:
        state = self.logic.state
        if state.asksForCasesFolder:
            self.logic.setCasesFolder(state.casesFolder)
        self.logic.start()

    def _drawImages(self, examination: Examination) -> None:
        show(getattr(self.ui, f"{examination.name}Identity"), examination.identity)
        for part, image in zip(PARTS, examination.images, strict=False):
            label = getattr(self.ui, f"{part.lower()}RowLabel")
            show(label, image.title if image.isUsed else "")
            getattr(self.ui, f"{examination.name}{part}Selector").setVisible(image.isUsed)

    def _complete(self, state: PanelState) -> str:
        if state.isPrepared:
            return _("Both examinations are prepared.")
        if not any(image.nodeId for examination in state.examinations for image in examination.images):
            return _("Choose the baseline that was read before and the follow-up, or load the sample case.")
        return _("Both examinations are complete.")
