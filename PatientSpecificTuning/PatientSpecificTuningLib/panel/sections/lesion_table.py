"""Step 3: what became of each lesion; arrow keys walk through them in both examinations."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from ..situation.lesion_rows import changeTitle
from ..situation.state import LesionRow
from ..situation.state import PanelState
from .drawing import changedAtOnce
from .drawing import fillSelector
from .drawing import plainTip
from .drawing import prepareTable
from .drawing import setCell
from .lesion_order import apart
from .lesion_order import isDoubtful
from .lesion_order import kept
from .lesion_order import ordered

COLORS = {"new": "#c0392b", "grown": "#c07000", "shrunk": "#2e9b48", "vanished": "#2e86c1"}
KNOWN_COLOR, DOUBTFUL_COLOR = "#202020", "#808080"
ALL = ""
# Of a long table more are not in sight.
ROWS_IN_A_TURN = 12


class LesionTable:
    """A table over the full width, sorted by a click on a heading and filtered by change and size."""

    def __init__(self, ui, logic) -> None:
        self.ui, self.table = ui, ui.lesionTable
        self.logic = logic
        self._all: tuple[LesionRow, ...] = ()
        self._rows: list[LesionRow] = []
        self._column, self._isDescending = -1, False
        self._isDrawing = False
        self._drawn = 0
        # Goes with its table.
        self._further = qt.QTimer(self.table)
        self._further.setSingleShot(True)
        self._further.setInterval(0)
        self._further.connect("timeout()", logic.guarded(self._drawRows))
        titles = [_("Lesion"), _("Change"), _("Before"), _("After"), _("Growth"), _("Uncertainty")]
        prepareTable(self.table, titles, 1)
        tip = _("Mean standard deviation of the lesion probability inside the lesion; 0 is certain.")
        self.table.horizontalHeaderItem(5).setToolTip(tip)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(True)
        header.connect("sectionClicked(int)", logic.guarded(self._sortBy))
        self.table.connect("currentCellChanged(int,int,int,int)", logic.guarded(self._choose))
        ui.changeFilter.connect("currentIndexChanged(int)", logic.guarded(lambda index: self._filter()))
        ui.doubtfulButton.connect("toggled(bool)", logic.guarded(self._unfold))
        ui.sizeFilter.connect("valueChanged(int)", logic.guarded(lambda size: self._filter()))

    def update(self, state: PanelState) -> None:
        """Draw the lesions of the shown version and choose the selected one."""
        if self._all != state.review.rows:
            self._all = state.review.rows
            self._offerChanges()
            self._fill()
        self._select(state.review.selected)

    def walk(self, by: int) -> None:
        """Go to the next lesion of the table, or the one before; behind the last one the doubtful ones follow."""
        if by > 0 and self.table.currentRow() == len(self._rows) - 1:
            self.ui.doubtfulButton.setChecked(True)
        if self._rows:
            self.table.setCurrentCell((self.table.currentRow() + by) % len(self._rows), 0)

    def _offerChanges(self) -> None:
        counts: dict[str, int] = {}
        for row in self._all:
            counts[row.change] = counts.get(row.change, 0) + 1
        titles = {row.change: changeTitle(row.change) for row in self._all if row.change}
        entries = [(ALL, _("All lesions ({count})").format(count=len(self._all)))]
        entries += [(change, f"{title} ({counts[change]})") for change, title in titles.items()]
        chosen = self.ui.changeFilter.currentData or ALL
        self._isDrawing = True
        fillSelector(self.ui.changeFilter, entries, chosen if chosen in titles else ALL)
        self._isDrawing = False

    def _fill(self) -> None:
        change = self.ui.changeFilter.currentData or ALL
        rows = kept(self._all, change, self.ui.sizeFilter.value)
        sure, doubtful = (ordered(part, self._column, self._isDescending) for part in apart(rows))
        self._offerDoubtful(len(doubtful))
        self._rows = sure + doubtful if self.ui.doubtfulButton.checked else sure
        self._drawn = 0
        self._isDrawing = True
        self.table.setRowCount(len(self._rows))
        self._isDrawing = False
        self._drawRows()

    def _drawRows(self) -> None:
        """Draw the next rows, and the rest in further turns of the event loop."""
        begins, self._drawn = self._drawn, min(self._drawn + ROWS_IN_A_TURN, len(self._rows))
        self._isDrawing = True
        with changedAtOnce(self.table):
            for i in range(begins, self._drawn):
                row = self._rows[i]
                for column, text in enumerate(_cells(row)):
                    setCell(self.table, i, column, text, _color(row, column))
                self.table.item(i, 1).setToolTip(plainTip(_howSure(row)))
        self._isDrawing = False
        if self._drawn < len(self._rows):
            self._further.start()

    def _offerDoubtful(self, count: int) -> None:
        """One button stands for the doubtful changes until it is pressed."""
        self.ui.doubtfulButton.setVisible(count > 0)
        self.ui.doubtfulButton.text = _("+ {count} doubtful").format(count=count)

    def _unfold(self, isOpen: bool) -> None:
        del isOpen
        self._filter()

    def _filter(self) -> None:
        if not self._isDrawing:
            self._fill()
            self._select(self.logic.state.review.selected)

    def _sortBy(self, column: int) -> None:
        self._isDescending = column == self._column and not self._isDescending
        self._column = column
        header = self.table.horizontalHeader()
        header.setSortIndicatorShown(True)
        order = qt.Qt.DescendingOrder if self._isDescending else qt.Qt.AscendingOrder
        header.setSortIndicator(column, order)
        self._filter()

    def _select(self, key: str) -> None:
        index = next((i for i, row in enumerate(self._rows) if row.key == key), -1)
        if self.table.currentRow() != index:
            self._isDrawing = True
            self.table.setCurrentCell(index, 0 if index >= 0 else -1)
            self._isDrawing = False

    def _choose(self, index: int, *_rest: int) -> None:
        if not self._isDrawing and 0 <= index < len(self._rows):
            self.logic.selectLesion(self._rows[index].key)


def _cells(row: LesionRow) -> tuple[str, ...]:
    return (
        row.label,
        f"{row.changeTitle}?" if isDoubtful(row) else row.changeTitle,
        _volume(row.beforeMm3),
        _volume(row.afterMm3),
        "" if row.growth is None else f"{100 * row.growth:+.0f} %",
        "" if row.uncertainty is None else f"{row.uncertainty:.3f}",
    )


def _color(row: LesionRow, column: int) -> str:
    if isDoubtful(row):
        return DOUBTFUL_COLOR
    return COLORS.get(row.change, KNOWN_COLOR) if column == 1 else KNOWN_COLOR


def _howSure(row: LesionRow) -> str:
    if row.changeProbability is None or not (row.isSure or isDoubtful(row)):
        return row.changeTitle
    if row.isSure:
        text = _("{change}, with a probability of {percent:.0f} %")
    else:
        text = _("{change}, but no more than measuring again may show ({percent:.0f} %)")
    return text.format(change=row.changeTitle, percent=100 * row.changeProbability)


def _volume(cubicMillimetres: float | None) -> str:
    return "\u2013" if cubicMillimetres is None else f"{cubicMillimetres:.0f} mm\u00b3"
