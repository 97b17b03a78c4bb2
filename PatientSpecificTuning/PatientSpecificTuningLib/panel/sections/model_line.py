"""Step 1: the base CNN in one line, and more about it on demand."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from ..situation.state import PanelState
from .drawing import fillSelector


class ModelSection:
    """The list of models and the description of the chosen one."""

    def __init__(self, ui, logic) -> None:
        self.ui = ui
        self.logic = logic
        ui.modelSelector.connect("activated(int)", logic.guarded(self._choose))
        ui.modelMoreButton.connect("toggled(bool)", ui.modelDetails.setVisible)
        ui.addModelButton.connect("clicked()", logic.guarded(self._add))

    def update(self, state: PanelState) -> None:
        """Show the chosen model."""
        fillSelector(self.ui.modelSelector, [(model.key, model.name) for model in state.models], state.model)
        chosen = next((model for model in state.models if model.key == state.model), None)
        text = "\n\n".join(filter(None, (chosen.problem, chosen.description))) if chosen else ""
        if self.ui.modelText.text != text:
            self.ui.modelText.text = text

    def _choose(self, index: int) -> None:
        self.logic.chooseModel(self.ui.modelSelector.itemData(index))

    def _add(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of a model"))
        if folder:
            self.logic.addModel(folder)
