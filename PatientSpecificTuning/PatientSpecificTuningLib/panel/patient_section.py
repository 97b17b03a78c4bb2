"""Section 1: which images belong to the patient, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from .logic import TuningLogic
from .parameters import PARTS
from .sample_data import loadSampleCase


class PatientSection:
    """Sample button and the sentence that says what is missing; the selectors are bound to the parameter node."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        ui.sampleButton.connect("clicked()", guarded(self.loadSample))

    def loadSample(self) -> None:
        """Load the sample case of the chosen model's organ and choose its volumes."""
        parameters, card = self.logic.parameters(), self.logic.modelCard()
        loaded = loadSampleCase(card.organ)
        parameters.caseFolder = ""
        for examination, nodes in loaded.items():
            for part, pathway in zip(PARTS, card.pathways, strict=False):
                setattr(parameters, f"{examination}{part}", nodes.get(pathway.sequence))
            setattr(parameters, f"{examination}Mask", nodes["mask"])
        parameters.baselineLesions, parameters.followupLesions = None, loaded["followup"]["lesions"]

    def update(self) -> None:
        """Say what is wrong, or that everything is there, and name the images as the model does."""
        problems = self.logic.problems()
        label = self.ui.problemsLabel
        if problems:
            label.text = "\n".join(f"\u2022 {problem}" for problem in problems)
        else:
            label.text = _("Both examinations are complete.")
        self._nameImages()

    def _nameImages(self) -> None:
        card, ui = self.logic.modelCard(), self.ui
        for first, second, mask in (
            (ui.baselineFirstLabel, ui.baselineSecondLabel, ui.baselineMaskLabel),
            (ui.followupFirstLabel, ui.followupSecondLabel, ui.followupMaskLabel),
        ):
            for label, pathway in zip((first, second), card.pathways, strict=False):
                label.text = f"{pathway.sequence}:"
            mask.text = _("{organ} mask:").format(organ=card.organ.capitalize())
