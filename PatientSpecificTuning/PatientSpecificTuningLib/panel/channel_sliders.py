"""The sliders through the volumes of a sequence, such as the phases of a DCE series."""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from .logic import TuningLogic
from .shown_channel import channelCount


class ChannelSliders:
    """One slider where slices are corrected and one where results are reviewed; both follow one parameter."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.rows = (ui.correctChannelRow, ui.reviewChannelRow)
        self.sliders = (ui.correctChannelSlider, ui.reviewChannelSlider)
        self.logic = logic
        self._updating = False
        for slider in self.sliders:
            slider.connect("valueChanged(double)", guarded(self._choose))

    def update(self) -> None:
        """Show the sliders where there is something to choose, and the chosen volume of both examinations."""
        parameters, pathway = self.logic.parameters(), self.logic.modelCard().pathways[0]
        node = parameters.baselineFirst
        count = 1 if node is None else channelCount(node)
        for row in self.rows:
            row.visible = count > 1
        if count == 1:
            return
        self._updating = True
        for slider in self.sliders:
            slider.maximum = count
            slider.value = parameters.shownChannel or pathway.key_index + 1
            slider.toolTip = _("Which volume of the {name} the views show.").format(name=pathway.sequence)
        self._updating = False
        for examination in ("baseline", "followup"):
            self.logic.shownVolume(examination)

    def _choose(self, number: float) -> None:
        if not self._updating:
            self.logic.parameters().shownChannel = int(number)
