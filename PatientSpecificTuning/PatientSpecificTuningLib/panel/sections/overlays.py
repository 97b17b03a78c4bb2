"""Step 3: what is drawn over the follow-up; check marks and opacity are bound to the parameter node."""

from __future__ import annotations

import qt

from ..situation.state import PanelState

# As the overlays are drawn in the views.
SWATCHES = {"outlines": "#00e5ff", "compared": "#ff9800"}
SWATCH_SIZE = 12


class OverlaysSection:
    """Hides what does not exist, and says by its colour which outline is which."""

    def __init__(self, ui) -> None:
        self.parts = {
            "outlines": (ui.outlinesCheckBox, ui.outlinesOpacitySlider),
            "compared": (ui.comparedCheckBox, ui.comparedOpacitySlider),
            "uncertainty": (
                ui.uncertaintyCheckBox,
                ui.uncertaintyOpacitySlider,
                ui.thresholdLabel,
                ui.uncertaintyThresholdBox,
            ),
            "detections": (ui.detectionsCheckBox,),
        }
        for name, color in SWATCHES.items():
            swatch = qt.QPixmap(SWATCH_SIZE, SWATCH_SIZE)
            swatch.fill(qt.QColor(color))
            self.parts[name][0].setIcon(qt.QIcon(swatch))

    def update(self, state: PanelState) -> None:
        """Enable what there is to show; known lesions are seldom there, so their check mark is hidden."""
        for name, widgets in self.parts.items():
            for widget in widgets:
                widget.enabled = name in state.review.overlays
        self.parts["detections"][0].setVisible("detections" in state.review.overlays)
