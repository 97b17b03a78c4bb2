"""Step 1: where gigabytes may be kept, asked once before the first are written."""

from __future__ import annotations

from ..state import PanelState


class CasesFolderSection:
    """A button that shows the folder and chooses another; Start takes the one that is shown."""

    def __init__(self, ui, logic) -> None:
        self.row, self.button = ui.casesFolderRow, ui.casesFolderButton
        self.button.connect("directorySelected(QString)", logic.guarded(logic.setCasesFolder))

    def update(self, state: PanelState) -> None:
        """Show where cases are kept."""
        self.row.setVisible(state.asksForCasesFolder)
        if state.casesFolder and self.button.directory != state.casesFolder:
            self.button.directory = state.casesFolder
