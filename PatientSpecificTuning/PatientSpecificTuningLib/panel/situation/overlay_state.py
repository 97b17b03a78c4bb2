"""What lies over the images: each overlay belongs to one examination, and only what its step needs is shown; pure Python."""

from __future__ import annotations

from .facts import Facts
from .state import BASELINE
from .state import CORRECT
from .state import EXAMINATIONS
from .state import FOLLOWUP
from .state import RESULT
from .state import Corrections
from .state import Overlay
from .state import Review

# The largest standard deviation of a softmax between two classes is one half; above this all is drawn alike.
LARGEST_SD = 0.25


def overlaysOf(facts: Facts, step: str, corrections: Corrections, review: Review) -> tuple[Overlay, ...]:
    """The overlays of a step, those drawn last on top."""
    chosen, found = facts.settings, []
    if corrections.nodeId and step != RESULT:
        found.append(Overlay("corrections", BASELINE, corrections.nodeId, 1.0))
    if step != CORRECT and review.shown:
        found += _results(facts, step, review)
    if chosen.showWorkingImages and facts.case is not None:
        for examination in EXAMINATIONS:
            if examination in facts.case.prepared:
                found.append(Overlay("organ", examination, "", 1.0))
                found.append(Overlay("image", examination, "", 0.5))
    return tuple(found)


def _results(facts: Facts, step: str, review: Review) -> list[Overlay]:
    chosen, shown, found = facts.settings, review.shown, []
    if step == RESULT and review.isAligning:
        return [Overlay("blend", FOLLOWUP, "", chosen.alignmentBlend)]
    if step == RESULT:
        if chosen.showCompared and review.compared:
            found.append(Overlay("compared", FOLLOWUP, review.compared, chosen.comparedOpacity))
        if chosen.showDetections and "detections" in review.overlays:
            found.append(Overlay("detections", FOLLOWUP, shown, 1.0))
        if chosen.showUncertainty and "uncertainty" in review.overlays:
            found.append(Overlay("uncertainty", FOLLOWUP, shown, chosen.uncertaintyOpacity))
        if chosen.showOutlines and chosen.sideBySide:
            found.append(Overlay("before", BASELINE, shown, chosen.outlinesOpacity))
    if chosen.showOutlines or step != RESULT:
        found.append(Overlay("outlines", FOLLOWUP, shown, chosen.outlinesOpacity))
    return found
