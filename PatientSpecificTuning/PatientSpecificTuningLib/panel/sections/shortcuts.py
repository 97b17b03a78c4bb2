"""Keys that work while the mouse is in an image: c corrected and next, n next, b back."""

from __future__ import annotations

import qt
import slicer

from ..situation.state import CORRECT
from ..situation.state import RESULT


class Shortcuts:
    """Made when the module is entered and gone when it is left; none of them is a key of the Segment Editor."""

    def __init__(self, logic, lesions) -> None:
        self.logic, self.lesions = logic, lesions
        self._keys: list = []

    def enter(self) -> None:
        """The module is shown."""
        window = slicer.util.mainWindow()
        if window is None or self._keys:
            return
        for key, action in (
            ("c", self._corrected),
            ("n", lambda: self._step(1)),
            ("b", lambda: self._step(-1)),
        ):
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.connect("activated()", self.logic.guarded(action))
            self._keys.append(shortcut)

    def exit(self) -> None:
        """The module is left."""
        for shortcut in self._keys:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._keys = []

    def _corrected(self) -> None:
        if self.logic.state.step == CORRECT:
            self.logic.markCorrected()

    def _step(self, by: int) -> None:
        step = self.logic.state.step
        if step == RESULT:
            self.lesions.walk(by)
        elif step == CORRECT and by > 0:
            self.logic.nextSlice()
        elif step == CORRECT:
            self.logic.previousSlice()
