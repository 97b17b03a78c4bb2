"""Commands of step 3: versions, walking through lesions, comparison with known lesions."""

from __future__ import annotations

from pathlib import Path

from slicer.i18n import tr as _

from ...engine.files.atomic import replace_when_complete
from ...engine.images.volumes import write_volume
from ..scene.node_images import labelImage
from ..scene.result_nodes import removeResultNodes
from ..scene.user import userName
from ..situation.case_facts import JUDGED_AGAINST
from ..situation.problems import LESIONS
from ..situation.state import FOLLOWUP
from .requirement import require
from .tune import TuneCommands

REFERENCE = "followup_reference.nrrd"


class ReviewCommands(TuneCommands):
    """What the user can do with results."""

    def chooseVersion(self, number: str) -> None:
        """Show another version."""
        self._parameters.result = number

    def chooseCompared(self, number: str) -> None:
        """Compare with another version."""
        self._parameters.comparedResult = number

    def removeVersion(self, number: str) -> None:
        """Remove a version from the case for good.

        Raises:
            InputError: something runs.
        """
        require(self.state.canRemoveVersion)
        case = self.state.caseFolder
        removeResultNodes(Path(case) / "results" / number)
        arguments = {"case": case, "kind": "results", "number": number}
        self.requests.ask(_("Removing a version"), "remove", arguments, lambda answer: self._removed(number))

    def decide(self, choice: str, *, waitForCompletion: bool = False) -> None:
        """Record which CNN is used for this patient, and show what it finds; nothing is deleted.

        Args:
            choice: "base" or "tuned".

        Raises:
            InputError: nothing was tuned yet, or something runs.
        """
        require(self.state.canDecide)
        tuned = self.state.review.decidable
        arguments = {"case": self.state.caseFolder, "choice": choice, "by": userName(), "number": tuned}
        self.requests.ask(
            _("Recording the decision"), "decide", arguments, lambda answer: self._decided(choice, tuned)
        )
        if waitForCompletion:
            self.requests.wait()

    def selectLesion(self, key: str) -> None:
        """Show a lesion in both examinations and mark it."""
        self.selectedLesion = key
        self._refreshNow()

    def nextLesion(self) -> None:
        """Walk to the next lesion of the table."""
        self._walk(1)

    def previousLesion(self) -> None:
        """Walk to the lesion before."""
        self._walk(-1)

    def evaluate(self, *, waitForCompletion: bool = False) -> None:
        """Compare the shown version with the known lesions of the follow-up, in the worker.

        Raises:
            InputError: no known lesions are chosen, there is no result yet, or something runs.
        """
        require(self.state.canEvaluate)
        state, known = self.state, self.facts.images[f"{FOLLOWUP}{LESIONS}"]
        number, case = state.review.shown, Path(state.caseFolder)
        path = case / REFERENCE
        write_volume(labelImage(self._parameters.followupLesions), path)
        arguments = {"case": str(case), "reference": str(path), "number": number}

        def judged(answer: dict) -> None:
            del answer
            # Without its folder, the result was removed meanwhile.
            judged_against = case / "results" / number / JUDGED_AGAINST
            with replace_when_complete(judged_against, parents=False) as temporary:
                temporary.write_text(known.content + "\n", encoding="utf-8")
            self._refreshNow()

        self.requests.ask(_("Comparing with the known lesions"), "evaluate", arguments, judged)
        if waitForCompletion:
            self.requests.wait()

    def _decided(self, choice: str, tuned: str) -> None:
        wanted = "" if choice == "base" else tuned
        shown = next((v.number for v in self.state.review.versions if v.tuned == wanted), "")
        self._parameters.result = shown
        self._refreshNow()
        self.say(self.state.review.decision)

    def _removed(self, number: str) -> None:
        parameters = self._parameters
        if parameters.result == number:
            parameters.result = ""
        if parameters.comparedResult == number:
            parameters.comparedResult = ""
        self._refreshNow()

    def _walk(self, by: int) -> None:
        rows = self.state.review.rows
        if not rows:
            return
        at = next(
            (n for n, row in enumerate(rows) if row.key == self.state.review.selected), -1 if by > 0 else 0
        )
        self.selectLesion(rows[(at + by) % len(rows)].key)
