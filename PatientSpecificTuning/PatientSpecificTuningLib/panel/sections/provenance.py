"""Step 3: how the shown version was made, with the curve of its error while it learned."""

from __future__ import annotations

import itertools
from html import escape

import qt
from slicer.i18n import tr as _

from ..situation.state import PanelState
from ..situation.state import Provenance
from .drawing import show

WIDTH, HEIGHT, MARGIN = 420, 60, 4
CURVE_COLOR, FRAME_COLOR = "#2e86c1", "#a0a0a0"


class ProvenanceSection:
    """A page to read and to copy from."""

    def __init__(self, ui) -> None:
        self.ui = ui
        self._drawn: Provenance | None = None

    def update(self, state: PanelState) -> None:
        """Show how the shown version was made."""
        made = state.review.provenance
        if made == self._drawn:
            return
        self._drawn = made
        rows = [f"<tr><td><b>{escape(t)}</b></td><td>{escape(text)}</td></tr>" for t, text in made.facts]
        self.ui.provenanceText.setHtml(f'<table cellpadding="2">{"".join(rows)}</table>')
        hasCurve = len(made.loss) > 1
        title = _("Error on the corrected slices while it learned: {first:.3f} to {last:.3f}")
        show(self.ui.lossTitle, title.format(first=made.loss[0], last=made.loss[-1]) if hasCurve else "")
        self.ui.lossCurve.setVisible(hasCurve)
        if hasCurve:
            self.ui.lossCurve.setPixmap(curve(made.loss))


def curve(values: tuple[float, ...]):
    """A line through the values, the first at the left, from 0 at the bottom to the largest at the top."""
    pixmap = qt.QPixmap(WIDTH, HEIGHT)
    pixmap.fill(qt.QColor("white"))
    painter = qt.QPainter(pixmap)
    painter.setPen(qt.QColor(FRAME_COLOR))
    painter.drawRect(0, 0, WIDTH - 1, HEIGHT - 1)
    painter.setPen(qt.QColor(CURVE_COLOR))
    points = [_point(i / (len(values) - 1), value / (max(values) or 1.0)) for i, value in enumerate(values)]
    for (x, y), (nextX, nextY) in itertools.pairwise(points):
        painter.drawLine(x, y, nextX, nextY)
    painter.end()
    return pixmap


def _point(along: float, height: float) -> tuple[int, int]:
    inner = HEIGHT - 2 * MARGIN
    return round(MARGIN + along * (WIDTH - 2 * MARGIN)), round(HEIGHT - MARGIN - height * inner)
