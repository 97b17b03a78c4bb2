"""Step 2: how the embedded Segment Editor looks: brush, eraser and pen at first, everything on demand."""

from __future__ import annotations

import qt
import slicer

TOOLS = ["Paint", "Erase", "Draw"]
FEW_COLUMNS, ALL_COLUMNS = 2, 3
# What one lesion segment does not need; the editor offers no property for these parts.
NEVER_NEEDED = ("SegmentsTableResizableFrame", "EffectHelpBrowser")
# Check marks of brush and eraser: sphere, 3D, smudge. They change slices that are not shown.
OPTIONS = "EffectsOptionsFrame"
LOWEST, UNLIMITED = 150, 16777215


class EditorLook:
    """The More tools button."""

    def __init__(self, ui) -> None:
        self.editor, self.page = ui.segmentEditor, ui.correctPage
        self.editor.setEffectNameOrder(TOOLS)
        for name in NEVER_NEEDED:
            for part in slicer.util.findChildren(self.editor, name=name):
                part.setVisible(False)
        ui.allToolsButton.connect("toggled(bool)", self.showAllTools)
        self.showAllTools(False)

    def showAllTools(self, everything: bool) -> None:
        """Offer every effect of the Segment Editor, or the few that corrections need."""
        self.editor.unorderedEffectsVisible = everything
        self.editor.maskingSectionVisible = everything
        # With text beside them all buttons together would be wider than the panel.
        style = qt.Qt.ToolButtonIconOnly if everything else qt.Qt.ToolButtonTextBesideIcon
        self.editor.effectButtonStyle = style
        self.editor.effectColumnCount = ALL_COLUMNS if everything else FEW_COLUMNS
        for options in slicer.util.findChildren(self.editor, name=OPTIONS):
            for mark in slicer.util.findChildren(options, className="QCheckBox"):
                mark.setVisible(everything)
        self.editor.maximumHeight = UNLIMITED if everything else LOWEST
        # Some effects are wider than the panel; they shall not widen it, or the images would move.
        bars = qt.Qt.ScrollBarAsNeeded if everything else qt.Qt.ScrollBarAlwaysOff
        self.page.setHorizontalScrollBarPolicy(bars)
