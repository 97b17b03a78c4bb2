"""Lets views, overlays, editor and marks of places follow the state, while the module is shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
from numpy.typing import NDArray

from ...engine.images.geometry import Grid
from ...jobs.seen_slices import SeenSlice
from ..situation.facts import Facts
from ..situation.places import axialPlane
from ..situation.places import sliceAt
from ..situation.places import sliceCentre
from ..situation.state import BASELINE
from ..situation.state import CORRECT
from ..situation.state import EXAMINATIONS
from ..situation.state import FOLLOWUP
from ..situation.state import RESULT
from ..situation.state import UNTOUCHED
from ..situation.state import PanelState
from .found_so_far import FoundSoFar
from .overlays import Overlays
from .place_marks import markPlaces
from .segment_editor import SegmentEditor
from .views import Shown
from .views import Views


class Stage:
    """The one owner of everything that is shown outside of the panel.

    Args:
        changed: called when what the views show changed.
        unfinished: called when not all is shown yet; `follow` shows more of it in another turn.
    """

    def __init__(self, changed: Callable[[], None], unfinished: Callable[[], None]) -> None:
        self._changed, self._unfinished = changed, unfinished
        self._views = Views(self._moved, changed)
        self._overlays = Overlays()
        self._found = FoundSoFar()
        self._editor: SegmentEditor | None = None
        self._wantedSlice: int | None = None
        # The case whose slices are corrected now, whose slice was gone to already.
        self._opened = ""
        self._lastSlice: int | None = None
        self._grid: Grid | None = None
        self._marked: tuple = ()
        self._shownLast: tuple = ()

    # The life of module and scene -------------------------------------------------------------------------------

    def attachEditor(self, widget) -> None:
        """Use an embedded Segment Editor."""
        self._editor = SegmentEditor(widget)
        self._editor.attach()

    def connectScene(self) -> None:
        """A scene is there."""
        if self._editor is not None:
            self._editor.attach()

    def disconnectScene(self) -> None:
        """The scene goes away."""
        if self._editor is not None:
            self._editor.detach()
        self._views.release()
        self._overlays.forget()
        self._found.clear()
        self._wantedSlice, self._lastSlice, self._grid, self._marked = None, None, None, ()
        self._opened = ""

    def enter(self) -> None:
        """The module is shown."""
        self._views.enter()
        self._overlays.forget()

    def exit(self) -> None:
        """The module is left."""
        if self._editor is not None:
            self._editor.leave()
        self._views.exit()

    def stop(self) -> None:
        """The module goes away."""
        self.exit()
        if self._editor is not None:
            self._editor.release()

    # What is shown ----------------------------------------------------------------------------------------------

    @property
    def isEntered(self) -> bool:
        """Whether the module is shown."""
        return self._views.isEntered

    @property
    def isUsersLayout(self) -> bool:
        """Whether the user chose another layout than ours."""
        return self._views.isUsersLayout

    def takeViewsBack(self) -> None:
        """Show our layout again."""
        self._views.takeBack()
        self._changed()

    def shownSlice(self, grid: Grid) -> int | None:
        """The slice of the working grid that the baseline's view shows; without views the one that was gone to."""
        self._grid = grid
        place = self._views.place(BASELINE)
        if place is None:
            return self._wantedSlice
        self._lastSlice = sliceAt(grid, place)
        return self._lastSlice

    def goToSlice(self, grid: Grid, position: int) -> None:
        """Bring the baseline's view to a slice."""
        self._wantedSlice = position
        self._views.offsetTo(BASELINE, sliceCentre(grid, position))
        self._changed()

    def showSeen(self, caseFolder: str, seen: SeenSlice) -> None:
        """Show what the base CNN finds on a slice of a case that is still being prepared."""
        self._found.take(caseFolder, seen)

    def follow(self, state: PanelState, facts: Facts) -> None:
        """Show what the state says; what is shown already is left alone."""
        if state.isPrepared or state.running is None:
            self._found.clear()
        if self.isEntered and self._views.layOut(state.views.layout):
            # Slicer takes long to make its views; what they show follows in the next turn.
            self._unfinished()
            return
        if self.isEntered:
            self._show(state, facts)
        self._openSlice(state, facts)

    def _show(self, state: PanelState, facts: Facts) -> None:
        if not self._overlays.show(state, facts.case, facts.settings.uncertaintyThreshold):
            self._unfinished()
        matrix = _matrix(facts)
        isTogether = state.step == RESULT or state.isPrepared
        self._views.show(state.views.layout, self._shown(state, facts), matrix if isTogether else None)
        shown = (state.views, state.overlays)
        if shown != self._shownLast:
            self._shownLast = shown
            self._overlays.redrawLegends()
        self._followEditor(state)
        self._followPlace(state)

    def _openSlice(self, state: PanelState, facts: Facts) -> None:
        """Go to a slice of the list whenever the corrections come into sight, also with a scene that was loaded."""
        rows = state.corrections.rows
        case = state.caseFolder if state.step == CORRECT and rows and facts.case is not None else ""
        if case and case != self._opened:
            listed = [row.slice for row in rows]
            first = next((row.slice for row in rows if row.status == UNTOUCHED), listed[0])
            self.goToSlice(
                facts.case.workingGrid, self._wantedSlice if self._wantedSlice in listed else first
            )
        self._opened = case

    def _shown(self, state: PanelState, facts: Facts) -> dict[str, Shown]:
        over = self._overlays.foregrounds(state)
        shown = {}
        for examination, volumeId in ((BASELINE, state.views.baselineId), (FOLLOWUP, state.views.followupId)):
            image = facts.images.get(f"{examination}First")
            if volumeId and image is not None and image.grid is not None:
                overlayId, opacity = over.get(examination, ("", 0.0))
                isSame = self._found.caseFolder == state.caseFolder
                labelId = self._found.nodeId(examination) if isSame else ""
                shown[examination] = Shown(
                    volumeId, axialPlane(image.grid).tobytes(), overlayId, opacity, labelId
                )
        return shown

    def _followEditor(self, state: PanelState) -> None:
        if self._editor is None:
            return
        segmentation = (
            slicer.mrmlScene.GetNodeByID(state.corrections.nodeId) if state.corrections.nodeId else None
        )
        volume = slicer.mrmlScene.GetNodeByID(state.baseline.shownId) if state.baseline.shownId else None
        if state.step == CORRECT and segmentation is not None and volume is not None:
            self._editor.edit(segmentation, state.corrections.segmentId, volume)
        else:
            self._editor.leave()

    def _followPlace(self, state: PanelState) -> None:
        """Go to the chosen lesion once, and keep its mark as long as it is chosen."""
        isResult = state.step == RESULT
        row = next((r for r in state.review.rows if isResult and r.key == state.review.selected), None)
        places = {BASELINE: row and row.baselinePlace, FOLLOWUP: row and row.followupPlace}
        wanted = (state.review.shown if row else "", tuple(places.items()), state.views.layout)
        if wanted == self._marked:
            return
        self._marked = wanted
        markPlaces(places)
        if row is None:
            return
        # The follow-up leads; its view brings the baseline's to the corresponding place.
        for examination in reversed(EXAMINATIONS):
            place = places[examination]
            if place is not None:
                self._views.jump(examination, place)
                break

    def _moved(self) -> None:
        """A view was scrolled; that matters where another slice is shown now."""
        place = None if self._grid is None else self._views.place(BASELINE)
        if place is not None and sliceAt(self._grid, place) != self._lastSlice:
            self._changed()


def _matrix(facts: Facts) -> NDArray[np.float64] | None:
    if facts.case is None or not facts.case.toBaseline:
        return None
    return np.reshape(facts.case.toBaseline, (4, 4))
