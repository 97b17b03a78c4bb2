"""Section 4: the proposed slices, their correction in the Segment Editor, and what is corrected so far."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.images.geometry import Grid
from ..engine.network.prepared import open_examination
from ..engine.tuning.slice_proposal import SliceProposal
from .corrections import CORRECTED
from .logic import TuningLogic
from .segment_editor import SegmentEditor
from .views import BASELINE_VIEW
from .views import jumpTo
from .views import shownPlace
from .views import showVolume
from .views import sliceAt
from .views import sliceCentre

HEADINGS = ("Rank", "Position", "Softmax", "Lesions", "Status")
STATUS_COLORS = {"untouched": "#808080", "in progress": "#d08000", "corrected": "#2e9b48"}


class CorrectSection:
    """Table of slices; a click brings the views there."""

    def __init__(self, ui, logic: TuningLogic, editor: SegmentEditor, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        self.editor = editor
        self._edited = None
        self._rows: list[SliceProposal] = []
        table = ui.sliceTable
        table.setColumnCount(len(HEADINGS))
        table.setHorizontalHeaderLabels([_(heading) for heading in HEADINGS])
        table.verticalHeader().setVisible(False)
        table.horizontalHeader().setStretchLastSection(True)
        table.connect("currentCellChanged(int,int,int,int)", guarded(self._rowChosen))
        ui.previousButton.connect("clicked()", guarded(lambda: self._step(-1)))
        ui.nextButton.connect("clicked()", guarded(lambda: self._step(1)))
        ui.correctedButton.connect("clicked(bool)", guarded(self._markCorrected))
        ui.addSliceButton.connect("clicked()", guarded(self._addShownSlice))

    def begin(self) -> None:
        """Open the corrections in the editor and go to the first proposed slice."""
        corrections = self.logic.corrections()
        isAnother = corrections.node is not self._edited
        self._edited = corrections.node
        volume = self.logic.shownVolume("baseline")
        self.editor.edit(corrections.node, corrections.segmentId, volume)
        showVolume(volume)
        self.update()
        if self._rows and (isAnother or self.ui.sliceTable.currentRow() < 0):
            self._chooseFirst()

    def update(self) -> None:
        """Fill the table and say what the corrections mean for tuning."""
        prepared = self.logic.isPrepared()
        for button in (
            self.ui.previousButton,
            self.ui.nextButton,
            self.ui.correctedButton,
            self.ui.addSliceButton,
        ):
            button.enabled = prepared
        if not prepared:
            self.ui.correctLabel.text = _(
                "Prepare the examinations first; then the slices to correct are proposed here."
            )
            self.ui.sliceTable.setRowCount(0)
            return
        self._rows = self._proposalsAndAdded()
        self._fillTable()
        self.ui.correctLabel.text = self._summary()

    def _chooseFirst(self) -> None:
        # A row that is chosen already is not announced again.
        if self.ui.sliceTable.currentRow() == 0:
            self._rowChosen(0)
        else:
            self.ui.sliceTable.setCurrentCell(0, 0)

    def updateStatuses(self) -> None:
        """Say anew what became of each slice, after something was drawn."""
        statuses = self._statuses()
        for i, row in enumerate(self._rows):
            item = self.ui.sliceTable.item(i, len(HEADINGS) - 1)
            if item is not None:
                _showStatus(item, statuses[row.slice])
        chosen = self._chosen()
        self.ui.correctedButton.checked = chosen is not None and statuses[chosen.slice] == CORRECTED
        self.ui.correctLabel.text = self._summary()

    def _proposalsAndAdded(self) -> list[SliceProposal]:
        proposed = self.logic.proposedSlices()
        parameters = self.logic.parameters()
        wanted = sorted({*parameters.addedSlices, *parameters.correctedSlices} - {p.slice for p in proposed})
        if not wanted:
            return proposed
        everything = {p.slice: p for p in self.logic.proposedSlices(count=self._grid().shape[0])}
        return proposed + [everything[position] for position in wanted if position in everything]

    def _fillTable(self) -> None:
        table, grid, statuses = self.ui.sliceTable, self._grid(), self._statuses()
        area_mm2 = grid.spacing[0] * grid.spacing[1]
        table.setRowCount(len(self._rows))
        for i, row in enumerate(self._rows):
            place = sliceCentre(grid, row.slice)[2]
            cells = (
                str(row.rank),
                _("slice {index} (S {place:.0f} mm)").format(index=row.slice, place=place),
                f"{row.mean_softmax:.3f}",
                f"{row.lesion_area_voxels * area_mm2:.0f} mm\u00b2",
                "",
            )
            for column, text in enumerate(cells):
                table.setItem(i, column, qt.QTableWidgetItem(text))
            _showStatus(table.item(i, len(HEADINGS) - 1), statuses[row.slice])
        table.resizeColumnsToContents()

    def _statuses(self) -> dict[int, str]:
        parameters = self.logic.parameters()
        slices = [row.slice for row in self._rows]
        return self.logic.corrections().statuses(slices, list(parameters.correctedSlices))

    def _summary(self) -> str:
        count = len(self.logic.parameters().correctedSlices)
        if count == 0:
            return _(
                "No slice is corrected yet. Correct one of these, then press Corrected; one slice is worth most."
            )
        if count == 1:
            return _("1 slice is corrected: enough to tune. A second one makes the result steadier.")
        return _("{count} slices are corrected: the CNN learns from these and from nothing else.").format(
            count=count
        )

    def _rowChosen(self, row: int, *_rest: int) -> None:
        if 0 <= row < len(self._rows):
            jumpTo(sliceCentre(self._grid(), self._rows[row].slice))
            self.updateStatuses()

    def _step(self, by: int) -> None:
        table = self.ui.sliceTable
        if self._rows:
            table.setCurrentCell((table.currentRow() + by) % len(self._rows), 0)

    def _chosen(self) -> SliceProposal | None:
        row = self.ui.sliceTable.currentRow()
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def _markCorrected(self, corrected: bool) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.logic.markCorrected([chosen.slice], corrected)
            self.updateStatuses()

    def _addShownSlice(self) -> None:
        position = sliceAt(self._grid(), shownPlace(BASELINE_VIEW))
        organ = open_examination(self.logic.case(), "baseline").organ_mask
        if not 0 <= position < len(organ) or not organ[position].any():
            slicer.util.infoDisplay(
                _("The slice that is shown lies outside the organ; go to a slice of the organ.")
            )
            return
        parameters = self.logic.parameters()
        parameters.addedSlices = sorted({*parameters.addedSlices, position})
        self.logic.workAhead()
        self.update()
        shown = [row.slice for row in self._rows]
        self.ui.sliceTable.setCurrentCell(shown.index(position), 0)

    def _grid(self) -> Grid:
        return self.logic.case().record("baseline").working_grid


def _showStatus(item, status: str) -> None:
    item.setText(_(status))
    item.setForeground(qt.QBrush(qt.QColor(STATUS_COLORS[status])))
