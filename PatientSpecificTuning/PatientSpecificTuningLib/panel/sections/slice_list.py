"""Step 2: the slices to correct, with why and what became of each."""

from __future__ import annotations

from slicer.i18n import tr as _

from ..situation.state import CHANGED_SINCE
from ..situation.state import CORRECTED
from ..situation.state import IN_PROGRESS
from ..situation.state import PanelState
from ..situation.state import SliceRow
from .drawing import changedAtOnce
from .drawing import prepareTable
from .drawing import setCell

COLORS = {IN_PROGRESS: "#c07000", CORRECTED: "#2e9b48", CHANGED_SINCE: "#c0392b"}
OTHER_COLOR = "#808080"


class SliceList:
    """A short table; a row is the slice that the baseline's view shows, and choosing one goes there."""

    def __init__(self, ui, logic) -> None:
        self.table = ui.sliceTable
        self.logic = logic
        self._rows: tuple[SliceRow, ...] = ()
        self._isDrawing = False
        titles = [_("Slice"), _("Why"), _("In doubt"), _("Lesion"), _("Status")]
        prepareTable(self.table, titles, 1)
        self.table.connect("currentCellChanged(int,int,int,int)", logic.guarded(self._choose))
        self.table.connect("cellClicked(int,int)", logic.guarded(self._choose))

    def update(self, state: PanelState) -> None:
        """Draw the rows and choose the one that is shown."""
        self._isDrawing = True
        if self._rows != state.corrections.rows:
            self._rows = state.corrections.rows
            with changedAtOnce(self.table):
                self._fill()
        shown = next((i for i, row in enumerate(self._rows) if row.isShown), -1)
        if self.table.currentRow() != shown:
            self.table.setCurrentCell(shown, 0 if shown >= 0 else -1)
        self._isDrawing = False

    def _fill(self) -> None:
        self.table.setRowCount(len(self._rows))
        for i, row in enumerate(self._rows):
            area = _("{area:.0f} mm\u00b2").format(area=row.lesionAreaMm2)
            for column, text in enumerate((row.title, row.why, row.doubt, area)):
                setCell(self.table, i, column, text)
            setCell(self.table, i, 4, row.statusTitle, COLORS.get(row.status, OTHER_COLOR))

    def _choose(self, index: int, *_rest: int) -> None:
        if not self._isDrawing and 0 <= index < len(self._rows) and not self._rows[index].isShown:
            self.logic.goToSlice(self._rows[index].slice)
