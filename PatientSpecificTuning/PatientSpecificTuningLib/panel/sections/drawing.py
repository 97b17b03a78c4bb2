"""Short ways to draw a part of the state, which leave a widget alone that shows it already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import qt

from ..situation.state import Allowed

PURPOSE = "purpose"
ROW_HEIGHT = 24


def show(label, text: str) -> None:
    """Show a text; a label without one takes no place."""
    if label.text != text:
        label.text = text
    label.setVisible(bool(text))


def allow(widget, allowed: Allowed) -> None:
    """Enable a widget, or disable it with the reason as its tooltip."""
    if widget.property(PURPOSE) is None:
        widget.setProperty(PURPOSE, widget.toolTip)
    widget.enabled = bool(allowed)
    widget.toolTip = widget.property(PURPOSE) if allowed else plainTip(allowed.reason)


def plainTip(text: str) -> str:
    """A tooltip that shows a text as it is; names in it may look like HTML."""
    return f"<qt>{escape(text)}</qt>" if text else ""


def bullets(sentences: tuple[str, ...]) -> str:
    """Sentences below each other; a single one needs no mark."""
    if len(sentences) < 2:
        return "".join(sentences)
    return "\n".join(f"\u2022 {sentence}" for sentence in sentences)


def fillSelector(selector, entries: list[tuple[str, str]], chosen: str) -> None:
    """Offer (key, title) in a combo box and choose one, without telling anybody."""
    shown = [(selector.itemData(i), selector.itemText(i)) for i in range(selector.count)]
    if shown != entries:
        selector.clear()
        for key, title in entries:
            selector.addItem(title, key)
    index = selector.findData(chosen)
    if index != selector.currentIndex:
        selector.setCurrentIndex(index)


def prepareTable(table, titles: list[str], stretched: int) -> None:
    """Columns as wide as their contents but one, which takes what is left, so that nothing scrolls sideways."""
    table.setColumnCount(len(titles))
    table.setHorizontalHeaderLabels(titles)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    for column in range(len(titles)):
        isStretched = column == stretched
        header.setSectionResizeMode(
            column, qt.QHeaderView.Stretch if isStretched else qt.QHeaderView.ResizeToContents
        )


@contextmanager
def changedAtOnce(table) -> Iterator[None]:
    """Cells change, and the columns are measured once behind them; Qt would measure them all after each cell."""
    header, columns = table.horizontalHeader(), range(table.columnCount)
    modes = [header.sectionResizeMode(column) for column in columns]
    for column in columns:
        header.setSectionResizeMode(column, qt.QHeaderView.Fixed)
    try:
        yield
    finally:
        for column in columns:
            header.setSectionResizeMode(column, modes[column])


def setCell(table, row: int, column: int, text: str, color: str = "") -> None:
    """Show a text in a cell, made where there is none yet."""
    item = table.item(row, column)
    isNew = item is None
    if isNew:
        item = qt.QTableWidgetItem()
    if item.text() != text:
        item.setText(text)
        item.setToolTip(plainTip(text))
    if color:
        item.setForeground(qt.QBrush(qt.QColor(color)))
    if isNew:
        table.setItem(row, column, item)
