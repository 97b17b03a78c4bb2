"""Learning while slices are corrected: every mark teaches, and what nobody touched starts from what was learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ...engine.case.layout import LIVE_JSON
from ...engine.case.layout import live_folder
from ...engine.images.volumes import read_labelmap
from ...engine.live_files import read_live
from ...engine.tuning.plan import DEFAULT
from ..scene import corrections
from ..situation.correct_state import fingerprint
from ..situation.correct_state import nextProposals
from ..situation.problems import PARTS
from ..situation.state import BASELINE
from .scans import ScanCommands

LIVE_LABELS = "live_corrections.nii.gz"
MILLISECONDS_BETWEEN_LOOKS = 200


class LiveCommands(ScanCommands):
    """What happens by itself when slices are marked."""

    # What the CNN was last asked to learn from, so that an answer to an earlier question is not heard.
    _asked = ""

    def learnSoFar(self) -> None:
        """Let the CNN learn from the corrected slices in the background, where that is switched on.

        An earlier learning that still runs is out of date and makes way.
        """
        facts, state, parameters = self.facts, self.state, self._parameters
        slices = list(state.corrections.learned)
        if not parameters.learnWhileCorrecting or not slices or not state.isPrepared:
            return
        self._asked = asked = fingerprint(facts.corrections)
        node = slicer.mrmlScene.GetNodeByID(facts.corrections.nodeId)
        labels = corrections.write(node, facts.case.workingGrid, Path(state.caseFolder) / LIVE_LABELS)
        arguments = {
            "case": state.caseFolder,
            "labels": str(labels),
            "slices": slices,
            "criterion": parameters.criterion,
            "distance_mm": parameters.distance,
            **self.tuningSettings(),
            # It has to answer while the next slice is looked at.
            "settings": DEFAULT,
        }
        title = _("Learning from what is corrected so far")
        self.requests.askAhead(
            title, "learn", arguments, lambda answer: self._learnedSoFar(answer, asked), isNewest=True
        )

    def tuningSettings(self) -> dict[str, Any]:
        """How the CNN is tuned, as the worker takes it."""
        parameters = self._parameters
        return {
            "settings": parameters.tuningSettings,
            "iterations": parameters.iterations,
            "weighting": None if parameters.weighting == "none" else parameters.weighting,
            "rotation_degrees": parameters.rotation,
            "seed": parameters.seed,
        }

    def _learnedSoFar(self, answer: dict[str, Any], asked: str) -> None:
        del answer
        self._showLearned(asked)
        self.workAhead()

    def _showLearned(self, asked: str) -> None:
        """Propose anew, and let the open slices start from what was learned, but not under the user's hand."""
        self._refreshNow()
        facts = self.facts
        if asked != self._asked or facts.corrections is None or fingerprint(facts.corrections) != asked:
            return
        if qt.QApplication.mouseButtons() != qt.Qt.NoButton:
            again = self.guarded(lambda: self._showLearned(asked))
            qt.QTimer.singleShot(MILLISECONDS_BETWEEN_LOOKS, again)
            return
        live = read_live(live_folder(Path(facts.case.folder)) / LIVE_JSON)
        node = slicer.mrmlScene.GetNodeByID(facts.corrections.nodeId)
        proposed = nextProposals(facts, live)
        if live.has_learned and not facts.corrections.startIsKnownLesions:
            first = facts.images[f"{BASELINE}{PARTS[0]}"]
            lesions = read_labelmap(live.lesions, "live lesions")
            chosen = facts.corrections.shifts
            open_ = [p for p in (*proposed, *facts.corrections.added) if p not in chosen]
            corrections.propose(node, first.grid, facts.case.workingGrid, lesions, open_)
        corrections.setProposed(node, live.labels_sha256, proposed)
        self._refreshNow()
