"""Step 2: how the embedded Segment Editor looks: brush, eraser and pen at first, everything on demand."""

from __future__ import annotations

import qt
import slicer

TOOLS = ["Paint", "Erase", "Draw"]
COLUMNS = 2
# What one lesion segment does not need; the editor offers no property for these parts.
SELDOM_NEEDED = ("SegmentsTableResizableFrame", "EffectHelpBrowser")


class EditorLook:
    """The More tools button."""

    def __init__(self, ui) -> None:
        self.editor = ui.segmentEditor
        self.editor.setEffectNameOrder(TOOLS)
        self.editor.effectColumnCount = COLUMNS
        self.editor.effectButtonStyle = qt.Qt.ToolButtonTextBesideIcon
        ui.allToolsButton.connect("toggled(bool)", self.showAllTools)
        self.showAllTools(False)

    def showAllTools(self, everything: bool) -> None:
        """Offer every effect of the Segment Editor, or the few that corrections need."""
        self.editor.unorderedEffectsVisible = everything
        self.editor.maskingSectionVisible = everything
        for name in SELDOM_NEEDED:
            for part in slicer.util.findChildren(self.editor, name=name):
                part.setVisible(everything)
