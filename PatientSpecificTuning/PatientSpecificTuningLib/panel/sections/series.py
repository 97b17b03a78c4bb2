"""Step 1, Advanced: one series out of volumes that were loaded one by one, or out of a series in another order."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from ..situation.state import PanelState
from ..situation.state import SeriesTarget
from .drawing import prepareTable
from .drawing import setCell


class SeriesSection:
    """A table with a row for each volume that the model needs; where there are fewer, one may serve several rows."""

    def __init__(self, ui, logic) -> None:
        self.ui = ui
        self.logic = logic
        self._targets: tuple[SeriesTarget, ...] = ()
        self._candidates: list[tuple[str, int, str]] = []
        prepareTable(ui.seriesTable, [_("Needed"), _("Volume")], 1)
        ui.seriesTargetSelector.connect("currentIndexChanged(int)", logic.guarded(lambda index: self._fill()))
        ui.scansAdvanced.connect("contentsCollapsed(bool)", logic.guarded(lambda collapsed: self._fill()))
        ui.makeSeriesButton.connect("clicked()", logic.guarded(self._make))

    def update(self, state: PanelState) -> None:
        """Offer this for models that need series."""
        for widget in (self.ui.seriesPart, self.ui.motionLabel, self.ui.motionSelector):
            widget.setVisible(bool(state.seriesTargets))
        if state.seriesTargets == self._targets:
            return
        self._targets = state.seriesTargets
        self.ui.seriesTargetSelector.clear()
        for target in self._targets:
            self.ui.seriesTargetSelector.addItem(target.title)

    def _target(self) -> SeriesTarget | None:
        index = self.ui.seriesTargetSelector.currentIndex
        return self._targets[index] if 0 <= index < len(self._targets) else None

    def _fill(self) -> None:
        table, target = self.ui.seriesTable, self._target()
        if target is None or self.ui.scansAdvanced.collapsed:
            return
        self._candidates = list(self.logic.seriesCandidates(target.examination, target.part))
        self.ui.makeSeriesButton.enabled = bool(self._candidates)
        table.setRowCount(len(target.rows))
        for row, label in enumerate(target.rows):
            setCell(table, row, 0, label)
            selector = qt.QComboBox()
            for _nodeId, _channel, title in self._candidates:
                selector.addItem(title)
            selector.setCurrentIndex(spread(row, len(target.rows), len(self._candidates)))
            table.setCellWidget(row, 1, selector)

    def _make(self) -> None:
        table, target = self.ui.seriesTable, self._target()
        if target is None:
            return
        rows = [table.cellWidget(row, 1).currentIndex for row in range(table.rowCount)]
        volumes = [self._candidates[index][:2] for index in rows]
        self.logic.makeSeries(target.examination, target.part, volumes)


def spread(row: int, rows: int, count: int) -> int:
    """Which of `count` volumes serves a row, so that all serve in their order and as evenly as they can."""
    return row * count // rows if count < rows else row
