"""Which volume of a series the views show."""

from __future__ import annotations

from ..situation.state import PanelState


class ChannelSection:
    """A slider below the steps, there only for images of several volumes."""

    def __init__(self, ui, logic) -> None:
        self.row, self.slider = ui.channelRow, ui.channelSlider
        self.logic = logic
        self._isDrawing = False
        self.slider.connect("valueChanged(double)", logic.guarded(self._choose))

    def update(self, state: PanelState) -> None:
        """Show which volume is shown."""
        self.row.setVisible(state.channels > 1)
        self._isDrawing = True
        self.slider.maximum = max(state.channels, 1)
        self.slider.value = state.shownChannel
        self._isDrawing = False

    def _choose(self, number: float) -> None:
        if not self._isDrawing:
            self.logic.showChannel(round(number))
