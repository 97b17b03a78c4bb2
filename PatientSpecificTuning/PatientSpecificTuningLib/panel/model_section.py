"""Section 2: the base model, what it was trained on, what it reached and its limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.model.card import CARD_NAME
from ..engine.model.card import ModelCard
from ..engine.model.card import read_model_card
from ..engine.network.model_choice import MODELS
from .logic import TuningLogic

ADDED_MODELS = "PatientSpecificTuning/AddedModels"


class ModelSection:
    """The list of models and the description of the chosen one."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        self._fill()
        ui.modelSelector.connect("currentIndexChanged(int)", guarded(self._choose))
        ui.addModelButton.connect("clicked()", guarded(self._add))

    def update(self) -> None:
        """Show the chosen model, and the settings that only its kind of images needs."""
        folder = str(self.logic.modelFolder())
        index = self.ui.modelSelector.findData(folder)
        if index >= 0 and index != self.ui.modelSelector.currentIndex:
            self.ui.modelSelector.setCurrentIndex(index)
        card = self.logic.modelCard()
        self.ui.modelLabel.text = _described(card)
        hasSeries = any(pathway.channels > 1 for pathway in card.pathways)
        for widget in (self.ui.motionLabel, self.ui.motionSelector):
            widget.visible = hasSeries

    def _fill(self) -> None:
        selector = self.ui.modelSelector
        selector.clear()
        added = [Path(folder) for folder in qt.QSettings().value(ADDED_MODELS, "").split("\n") if folder]
        for card in sorted(MODELS.glob(f"*/{CARD_NAME}")) + [folder / CARD_NAME for folder in added]:
            try:
                selector.addItem(read_model_card(card.parent).name, str(card.parent))
            except InputError:
                continue

    def _choose(self, index: int) -> None:
        folder = self.ui.modelSelector.itemData(index)
        parameters = self.logic.parameters()
        if folder and Path(folder) != self.logic.modelFolder():
            parameters.model = folder
            parameters.caseFolder = ""

    def _add(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(None, _("Folder of a model"))
        if not folder:
            return
        read_model_card(Path(folder))
        settings = qt.QSettings()
        kept = [line for line in settings.value(ADDED_MODELS, "").split("\n") if line and line != folder]
        settings.setValue(ADDED_MODELS, "\n".join([*kept, folder]))
        self._fill()
        self.ui.modelSelector.setCurrentIndex(self.ui.modelSelector.findData(folder))


def _described(card: ModelCard) -> str:
    lines = [
        _("For {sequences} of the {organ}.").format(
            sequences=" + ".join(p.sequence for p in card.pathways), organ=card.organ
        )
    ]
    data = card.training.get("data")
    if data:
        lines.append(_("Learned from: {data}.").format(data=data))
    summary = card.results.get("summary")
    if summary:
        lines.append(_("Reached on patients it had not seen: {summary}.").format(summary=summary))
    return "\n".join([*lines, *card.limits])
