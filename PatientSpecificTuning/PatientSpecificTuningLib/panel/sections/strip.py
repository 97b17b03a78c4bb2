"""The strip below all steps: what runs, time left, Cancel, the last message, and the log."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from ..situation.state import FAILURE
from ..situation.state import WARNING
from ..situation.state import PanelState
from ..situation.state import Running
from .drawing import allow

FULL = 1000
ICON_SIZE = 18
ICONS = {WARNING: qt.QStyle.SP_MessageBoxInformation, FAILURE: qt.QStyle.SP_MessageBoxWarning}


class Strip:
    """Always in sight; keeps its height whether something runs or not."""

    def __init__(self, ui, logic) -> None:
        self.ui = ui
        ui.progressBar.maximum = FULL
        ui.cancelButton.connect("clicked()", logic.guarded(lambda: logic.cancel()))
        ui.viewsButton.connect("clicked()", logic.guarded(lambda: logic.showViews()))
        ui.logButton.connect("toggled(bool)", ui.logText.setVisible)
        logic.logged.connect(ui.logText.appendPlainText)

    def update(self, state: PanelState) -> None:
        """Show what runs and what was said last."""
        self._drawRunning(state.running, state.device)
        isWaitedFor = state.running is not None and not state.running.isAhead
        self.ui.cancelButton.setVisible(isWaitedFor)
        allow(self.ui.cancelButton, state.canCancel)
        self.ui.viewsButton.setVisible(state.views.isUsersLayout)
        if self.ui.messageLabel.text != state.message.text:
            self.ui.messageLabel.text = state.message.text
        self._drawIcon(state.message.kind if state.message.text else "")

    def _drawRunning(self, running: Running | None, device: str) -> None:
        idle = _("Ready. The CNN runs on: {device}.").format(device=device) if device else _("Ready.")
        self.ui.taskLabel.text = idle if running is None else running.text
        self.ui.timeLeftLabel.text = "" if running is None else timeLeft(running.secondsLeft)
        bar, isUnknown = self.ui.progressBar, running is not None and running.fraction is None
        # A bar without a maximum moves to and fro.
        bar.maximum = 0 if isUnknown else FULL
        bar.value = round(FULL * running.fraction) if running is not None and not isUnknown else 0

    def _drawIcon(self, kind: str) -> None:
        icon = self.ui.messageIcon
        if icon.property("kind") == kind:
            return
        icon.setProperty("kind", kind)
        icon.setVisible(kind in ICONS)
        if kind in ICONS:
            icon.setPixmap(icon.style().standardIcon(ICONS[kind]).pixmap(ICON_SIZE, ICON_SIZE))


def timeLeft(seconds: float | None) -> str:
    """How long it still takes, no more exact than it can be known; nothing where it is not known."""
    if seconds is None:
        return ""
    if seconds < 10:
        return _("a few seconds left")
    if seconds < 60:
        return _("about {count} s left").format(count=10 * round(seconds / 10))
    return _("about {count} min left").format(count=round(seconds / 60))
