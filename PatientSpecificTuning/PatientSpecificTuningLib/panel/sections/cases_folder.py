"""Step 1: where gigabytes may be kept, asked once before the first are written."""

from __future__ import annotations

from ..situation.state import PanelState


class CasesFolderSection:
    """A button that shows the folder and chooses another; Start takes the one that is shown."""

    def __init__(self, ui, logic) -> None:
        self.row, self.button = ui.casesFolderRow, ui.casesFolderButton
        self.logic = logic
        self._isDrawing, self._wasAsked = False, False
        self.button.connect("directoryChanged(QString)", logic.guarded(self._choose))

    def update(self, state: PanelState) -> None:
        """Show where cases are kept; what was chosen stays in sight until it is used."""
        self._wasAsked = (self._wasAsked or state.asksForCasesFolder) and not state.isPrepared
        self.row.setVisible(self._wasAsked)
        if state.casesFolder and self.button.directory != state.casesFolder:
            # The button may write the same folder in another way, which is nobody's choice.
            self._isDrawing = True
            self.button.directory = state.casesFolder
            self._isDrawing = False

    def _choose(self, folder: str) -> None:
        if not self._isDrawing:
            self.logic.setCasesFolder(folder)
