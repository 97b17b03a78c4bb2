"""Commands between step 2 and step 3: the CNN learns from the corrected slices and finds the follow-up's lesions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ..packages import ensurePackages
from ..scene import corrections
from ..situation.correct_state import fingerprint
from ..situation.state import RESULT
from .correct import CorrectCommands
from .requirement import require

CORRECTED_LABELS = "corrections.nii.gz"


class TuneCommands(CorrectCommands):
    """What the user can do with the CNN."""

    def tune(self, *, waitForCompletion: bool = False) -> None:
        """Tune the CNN on the corrected slices, always from the base weights, and show what it finds.

        Lesions are shown as soon as they exist; their uncertainty follows.

        Raises:
            InputError: no slice is corrected.
        """
        # A stroke of a moment ago counts.
        self._refreshNow()
        require(self.state.canTune)
        ensurePackages(self.reader.models.card(self._parameters.model))
        facts, case = self.facts, self.state.caseFolder
        node, slices = self._node(), list(self.state.corrections.learned)
        learned = fingerprint(facts.corrections)
        labels = corrections.write(node, facts.case.workingGrid, Path(case) / CORRECTED_LABELS)
        self.say("")
        title = _("Learning")
        self.requests.ask(title, "annotate", {"case": case, "labels": str(labels), "slices": slices})
        settings = self.tuningSettings()
        self.requests.ask(
            title, "tune", {"case": case, **settings}, lambda answer: self._learned(answer, learned)
        )
        self.segment(repetitions=0)
        if not any(version.isBase for version in self.state.review.versions):
            self.segment(weights="base", repetitions=0)
        self.segment()
        if waitForCompletion:
            self.requests.wait()

    def segment(self, *, weights: str = "current", repetitions: int | None = None) -> None:
        """Find the lesions of the follow-up; the new version is shown when it is there.

        Args:
            weights: "current", "base", or the number of a tuned version.
            repetitions: of Monte Carlo dropout; None takes the number of the settings.
        """
        count = self._parameters.repetitions if repetitions is None else repetitions
        arguments = {"case": self.state.caseFolder, "weights": weights, "repetitions": count}
        title = _("How certain is the CNN") if count else _("Finding lesions")
        self.requests.ask(title, "segment", {**arguments, "seed": self._parameters.seed}, self._segmented)

    def _learned(self, answer: dict[str, Any], learned: str) -> None:
        corrections.setLearned(self._node(), str(answer["tuned"]), learned)

    def _segmented(self, answer: dict[str, Any]) -> None:
        if answer["tuned"] != "base":
            isNew = self._parameters.result != answer["result"]
            self._parameters.result = answer["result"]
            if isNew:
                self._parameters.step = RESULT
                self.say(_("The lesions are shown; how certain they are follows."))
            else:
                self.say(_("Done."))
                self._refreshNow()
                self.workAhead()
                return
        self._refreshNow()
