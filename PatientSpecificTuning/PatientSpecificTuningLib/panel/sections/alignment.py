"""Step 3: how baseline and follow-up lie on each other, to look at and to move by hand."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ..situation.state import RESULT
from ..situation.state import PanelState
from ..situation.state import Review
from .drawing import allow
from .drawing import show

LARGEST_SHIFT_MM, LARGEST_ROTATION = 30, 30
TAB = 1


class AlignmentSection:
    """A page with a blend and Slicer's own sliders of a transform, made when they are first needed."""

    def __init__(self, ui, logic) -> None:
        self.ui, self.logic = ui, logic
        self._sliders: list = []
        self._bound = ""
        ui.resultTabs.connect("currentChanged(int)", logic.guarded(self._look))
        ui.useAlignmentButton.connect("clicked()", logic.guarded(lambda: logic.useAlignment()))
        ui.findAlignmentButton.connect("clicked()", logic.guarded(lambda: logic.findAlignment()))
        logic.followed.connect(logic.guarded(self._followed))

    def update(self, state: PanelState) -> None:
        """Say how well they lie on each other, in the page and in its heading."""
        review = state.review
        # A poor one is said above the pages already.
        show(self.ui.alignmentLabel, review.alignment if review.isAligned else "")
        title = _tabTitle(review)
        if self.ui.resultTabs.tabText(TAB) != title:
            self.ui.resultTabs.setTabText(TAB, title)
        for button in (self.ui.useAlignmentButton, self.ui.findAlignmentButton):
            allow(button, state.canAlign)

    def _followed(self, state: PanelState) -> None:
        if state.review.isAligning and state.step == RESULT:
            self._bind()

    def _look(self, index: int) -> None:
        self.logic.lookAtAlignment(index == TAB)

    def _bind(self) -> None:
        """Sliders of the transform; new ones for another, since they keep their place when only the transform changes."""
        node = self.logic.handTransform()
        bound = "" if node is None else node.GetID()
        if bound == self._bound:
            return
        self._bound = bound
        for sliders in self._sliders:
            sliders.setParent(None)
            sliders.deleteLater()
        kinds = slicer.qMRMLTransformSliders
        self._sliders = [
            self._new(kinds.TRANSLATION, _("Shift the baseline (mm)"), LARGEST_SHIFT_MM),
            self._new(kinds.ROTATION, _("Turn it (degrees)"), LARGEST_ROTATION),
        ]
        for sliders in self._sliders:
            if node is not None:
                sliders.setMRMLScene(node.GetScene())
            sliders.setMRMLTransformNode(node)

    def _new(self, kind, title: str, largest: float):
        sliders = slicer.qMRMLTransformSliders()
        sliders.TypeOfTransform = kind
        sliders.Title = title
        sliders.minMaxVisible = False
        sliders.decimals = 1
        sliders.minimum, sliders.maximum = -largest, largest
        self.ui.alignmentSliders.layout().addWidget(sliders)
        return sliders


def _tabTitle(review: Review) -> str:
    if not review.alignment:
        return _("Alignment")
    return _("Alignment: good") if review.isAligned else _("Alignment: poor")
