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
from ..situation.state import LesionRow
from ..situation.state import PanelState
from ..turns import Steps
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
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._views = Views(self._moved, changed)
        self._overlays = Overlays()
        self._found = FoundSoFar()
        self._editor: SegmentEditor | None = None
        self._wantedSlice: int | None = None
        # A slice that was chosen, but not gone to yet.
        self._sliceToOpen: int | None = None
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
        self._wantedSlice, self._sliceToOpen, self._lastSlice = None, None, None
        self._grid, self._marked = None, ()
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
        self._wantedSlice, self._sliceToOpen = position, None
        self._views.offsetTo(BASELINE, sliceCentre(grid, position))
        self._changed()

    def showSeen(self, caseFolder: str, seen: SeenSlice) -> None:
        """Show what the base CNN finds on a slice of a case that is still being prepared."""
        self._found.take(caseFolder, seen)

    def chooseSlice(self, state: PanelState, facts: Facts) -> None:
        """A slice of the list is opened whenever the corrections come into sight, also with a scene that was loaded."""
        rows = state.corrections.rows
        case = state.caseFolder if state.step == CORRECT and rows and facts.case is not None else ""
        if case and case != self._opened:
            listed = [row.slice for row in rows]
            first = next((row.slice for row in rows if row.status == UNTOUCHED), listed[0])
            if self._wantedSlice not in listed:
                self._wantedSlice = first
            self._sliceToOpen = self._wantedSlice
            self._changed()
        self._opened = case

    def hideOthers(self, state: PanelState) -> None:
        """Hide at once what belongs to other images, before these are shown."""
        if self.isEntered:
            self._overlays.hideOthers(state)
            if _selectedRow(state) is None:
                self._followPlace(state)

    def follow(self, state: PanelState, facts: Facts) -> Steps:
        """Show what the state says, one thing in each step; what is shown already is left alone."""
        if (state.isPrepared or state.running is None) and self._found.clear():
            yield
        if self.isEntered:
            if self._views.layOut(state.views.layout):
                # Slicer draws its new views, which takes long, before they are filled.
                yield
            yield from self._show(state, facts)
        grid = None if facts.case is None else facts.case.workingGrid
        if self._sliceToOpen is not None and grid is not None:
            self.goToSlice(grid, self._sliceToOpen)

    def _show(self, state: PanelState, facts: Facts) -> Steps:
        if self._views.isNew:
            # An image is seen before what lies over it is made.
            yield from self._fillViews(state, facts)
        while not self._overlays.show(state, facts.case, facts.settings.uncertaintyThreshold):
            yield
        yield from self._fillViews(state, facts)
        shown = (state.views, state.overlays)
        if shown != self._shownLast:
            self._shownLast = shown
            self._overlays.redrawLegends()
        if self._followEditor(state):
            yield
        self._followPlace(state)

    def _fillViews(self, state: PanelState, facts: Facts) -> Steps:
        matrix = _matrix(facts)
        isTogether = state.step == RESULT or state.isPrepared
        shown = self._shown(state, facts)
        yield from self._views.show(state.views.layout, shown, matrix if isTogether else None)

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

    def _followEditor(self, state: PanelState) -> bool:
        """Let the editor hold the corrections in step 2, and nothing otherwise; returns whether that took anything."""
        if self._editor is None:
            return False
        segmentation = (
            slicer.mrmlScene.GetNodeByID(state.corrections.nodeId) if state.corrections.nodeId else None
        )
        volume = slicer.mrmlScene.GetNodeByID(state.baseline.shownId) if state.baseline.shownId else None
        if state.step == CORRECT and segmentation is not None and volume is not None:
            return self._editor.edit(segmentation, state.corrections.segmentId, volume)
        return self._editor.leave()

    def _followPlace(self, state: PanelState) -> None:
        """Go to the chosen lesion once, and keep its mark as long as it is chosen."""
        row = _selectedRow(state)
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


def _selectedRow(state: PanelState) -> LesionRow | None:
    isResult = state.step == RESULT
    return next((row for row in state.review.rows if isResult and row.key == state.review.selected), None)


def _matrix(facts: Facts) -> NDArray[np.float64] | None:
    if facts.case is None or not facts.case.toBaseline:
        return None
    return np.reshape(facts.case.toBaseline, (4, 4))
