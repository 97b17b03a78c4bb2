"""Part of section 1: one series out of volumes that were loaded one by one, or out of a series in another order."""

from __future__ import annotations

import re
from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.model.card import Pathway
from .image_nodes import sequenceNode
from .logic import TuningLogic
from .node_images import volumeImages
from .parameters import EXAMINATIONS
from .parameters import PARTS
from .parameters import TITLES
from .shown_channel import ROLE
from .shown_channel import channelCount

Item = tuple[object, int]


class SeriesSection:
    """A table with a row for each volume that the model needs; where there are fewer, one may serve several rows."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        self._targets: list[tuple[str, str, Pathway]] = []
        self._items: list[Item] = []
        ui.seriesTable.setColumnCount(2)
        ui.seriesTable.setHorizontalHeaderLabels([_("Model"), _("Volume")])
        ui.seriesTable.verticalHeader().setVisible(False)
        ui.seriesTable.horizontalHeader().setStretchLastSection(True)
        ui.seriesTargetSelector.connect("currentIndexChanged(int)", guarded(lambda index: self.fill()))
        ui.seriesButton.connect(
            "contentsCollapsed(bool)", guarded(lambda collapsed: collapsed or self.fill())
        )
        ui.makeSeriesButton.connect("clicked()", guarded(self.make))

    def update(self) -> None:
        """Offer this for models that need series."""
        targets = [
            (examination, part, pathway)
            for examination in EXAMINATIONS
            for part, pathway in zip(PARTS, self.logic.modelCard().pathways, strict=False)
            if pathway.channels > 1
        ]
        self.ui.seriesButton.visible = bool(targets)
        if targets == self._targets:
            return
        self._targets = targets
        self.ui.seriesTargetSelector.clear()
        for examination, _part, pathway in targets:
            self.ui.seriesTargetSelector.addItem(f"{_(TITLES[examination])} {pathway.sequence}")

    def fill(self) -> None:
        """List the volumes that can serve, and propose them in the order of their names."""
        table, target = self.ui.seriesTable, self._target()
        if target is None:
            return
        examination, part, pathway = target
        self._items = _candidates(getattr(self.logic.parameters(), f"{examination}{part}"), pathway.sequence)
        likely = sum(pathway.sequence.casefold() in _named(item).casefold() for item in self._items)
        self.ui.makeSeriesButton.enabled = bool(self._items)
        table.setRowCount(pathway.channels)
        for row in range(pathway.channels):
            label = pathway.channel_labels[row] if pathway.channel_labels else str(row + 1)
            table.setItem(row, 0, qt.QTableWidgetItem(label))
            selector = qt.QComboBox()
            for item in self._items:
                selector.addItem(_named(item))
            if self._items:
                selector.setCurrentIndex(spread(row, pathway.channels, likely or len(self._items)))
            table.setCellWidget(row, 1, selector)
        table.resizeColumnToContents(0)

    def make(self) -> None:
        """Make the series and choose it.

        Raises:
            InputError: there is no volume, or the volumes do not lie on one grid.
        """
        target = self._target()
        if target is None or not self._items:
            raise InputError(_("There is no volume to make a series of; load the volumes first."))
        examination, part, pathway = target
        table = self.ui.seriesTable
        chosen = [self._items[table.cellWidget(row, 1).currentIndex] for row in range(table.rowCount)]
        images = [volumeImages(node)[channel] for node, channel in chosen]
        name = f"{_(TITLES[examination])} {pathway.sequence}"
        for image, item in zip(images, chosen, strict=True):
            if image.GetSize() != images[0].GetSize():
                message = _(
                    "{volume} has another size than {first}; the volumes of one series must lie on one grid."
                )
                raise InputError(message.format(volume=_named(item), first=_named(chosen[0])))
        setattr(self.logic.parameters(), f"{examination}{part}", sequenceNode(images, name))
        self.ui.seriesButton.collapsed = True

    def _target(self) -> tuple[str, str, Pathway] | None:
        index = self.ui.seriesTargetSelector.currentIndex
        return self._targets[index] if 0 <= index < len(self._targets) else None


def spread(row: int, rows: int, count: int) -> int:
    """Which of `count` volumes serves a row, so that all serve in their order and as evenly as they can."""
    return row * count // rows if count < rows else row


def _candidates(chosen, sequence: str) -> list[Item]:
    """The volumes of the series that is chosen already, otherwise all of the scene, those named like it first."""
    if chosen is not None and channelCount(chosen) > 1:
        return [(chosen, channel) for channel in range(channelCount(chosen))]
    shown = {node.GetNodeReference(ROLE) for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")}
    volumes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and not node.GetHideFromEditors()
        and node not in shown
    ]
    return [(node, 0) for node in sorted(volumes, key=lambda node: _order(node.GetName(), sequence))]


def _order(name: str, sequence: str) -> tuple[bool, list[tuple[int, str]]]:
    """Names with that of the sequence first; numbers in names count as numbers."""
    parts = re.split(r"(\d+)", name.casefold())
    numbered = [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
    return sequence.casefold() not in name.casefold(), numbered


def _named(item: Item) -> str:
    node, channel = item
    count = channelCount(node)
    return node.GetName() if count == 1 else f"{node.GetName()}, {channel + 1}"
