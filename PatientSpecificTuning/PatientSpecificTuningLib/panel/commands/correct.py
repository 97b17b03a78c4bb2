"""Commands of step 2: going from slice to slice, marking what is corrected, starting again."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ..scene import corrections
from ..situation.state import CORRECT
from ..situation.state import CORRECTED
from .requirement import require
from .threshold import ThresholdCommands


class CorrectCommands(ThresholdCommands):
    """What the user can do with slices of the baseline."""

    def goToSlice(self, position: int) -> None:
        """Show a slice of the baseline.

        Args:
            position: index on the working grid.
        """
        if self.state.step != CORRECT:
            self.showStep(CORRECT)
        self.stage.goToSlice(self.facts.case.workingGrid, position)

    def nextSlice(self) -> None:
        """Go to the next row of the list."""
        self._step(1)

    def previousSlice(self) -> None:
        """Go to the row before."""
        self._step(-1)

    def markCorrected(self, slices: list[int] | None = None) -> None:
        """Say that slices are corrected; only these are learned from.

        Args:
            slices: indices on the working grid; None is the slice that is shown, after which the next open one is.

        Raises:
            InputError: there is nothing to mark.
        """
        if slices is None:
            require(self.state.canMark)
            shown = self.facts.shownSlice
            self._mark([shown])
            self._goToNextOpen(shown)
        else:
            self._mark(slices)
        self.learnSoFar()

    def unmark(self, position: int) -> None:
        """Take the mark of a slice back; what was drawn stays."""
        node = self._node()
        marks = dict(self.facts.corrections.marks)
        marks.pop(position, None)
        corrections.setMarks(node, marks)
        self._refreshNow()
        self.learnSoFar()

    def addShownSlice(self) -> None:
        """Add the slice that the baseline's view shows to the list.

        Raises:
            InputError: it shows no slice of the organ.
        """
        require(self.state.canAddSlice)
        self._add([self.facts.shownSlice])
        self.workAhead()

    def removeSlice(self, position: int) -> None:
        """Take a slice that was added out of the list, and its mark back."""
        node, found = self._node(), self.facts.corrections
        corrections.setAdded(node, set(found.added) - {position})
        self.unmark(position)

    def startAgain(self, start: str = "cnn") -> None:
        """Begin the corrections anew; those of before stay in the scene, hidden.

        Args:
            start: "cnn" for what the base CNN found, "known" for the known lesions of step 1.

        Raises:
            InputError: nothing is prepared, or no known lesions are chosen.
        """
        require(self.state.canStartAgain)
        isKnown = start == "known"
        if isKnown and self._parameters.baselineLesions is None:
            raise InputError(_("Choose known lesions of the baseline in step 1 first."))
        earlier = (
            slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)
            if self.state.corrections.nodeId
            else None
        )
        if earlier is not None:
            corrections.retire(earlier)
        self.beginCorrections(isKnown=isKnown)

    def _mark(self, slices: list[int]) -> None:
        self.ensureCorrections()
        proposed = {row.slice for row in self.state.corrections.rows}
        self._add([position for position in slices if position not in proposed])
        # What is drawn must be read after the last stroke, not 300 ms later.
        self._refreshNow()
        found = self.facts.corrections
        marks = dict(found.marks) | {position: found.slices[position].content for position in slices}
        corrections.setMarks(self._node(), marks)
        self._refreshNow()

    def _add(self, slices: list[int]) -> None:
        organ = {proposal.slice for proposal in self.facts.case.proposals}
        for position in slices:
            if position not in organ:
                message = _("The slice that is shown lies outside the organ; go to a slice of the organ.")
                raise InputError(message)
        if slices:
            corrections.setAdded(self._node(), {*self.facts.corrections.added, *slices})
            self._refreshNow()

    def _goToNextOpen(self, marked: int) -> None:
        rows = self.state.corrections.rows
        places = [row.slice for row in rows]
        at = places.index(marked) if marked in places else -1
        waiting = [row for row in rows[at + 1 :] + rows[: at + 1] if row.status != CORRECTED]
        if waiting:
            self.stage.goToSlice(self.facts.case.workingGrid, waiting[0].slice)

    def _step(self, by: int) -> None:
        rows = self.state.corrections.rows
        if not rows:
            return
        shown = next((number for number, row in enumerate(rows) if row.isShown), -1 if by > 0 else 0)
        self.goToSlice(rows[(shown + by) % len(rows)].slice)

    def _node(self):
        node = (
            slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)
            if self.state.corrections.nodeId
            else None
        )
        if node is None:
            raise InputError(_("There are no corrections of this baseline; begin them."))
        return node
