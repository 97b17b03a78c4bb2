"""What step 2 shows: the slices to correct, what became of each, and what the CNN may learn from; pure Python."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from ...engine.tuning.slice_proposal import SliceProposal
from .facts import CorrectionFacts
from .facts import Facts
from .places import sliceCentre
from .places import sliceTitle
from .problems import PARTS
from .state import BASELINE
from .state import CHANGED_SINCE
from .state import CORRECTED
from .state import IN_PROGRESS
from .state import UNTOUCHED
from .state import Corrections
from .state import SliceRow
from .words import tr as _


def statusTitle(status: str) -> str:
    """What became of a slice, as users read it."""
    return {
        UNTOUCHED: _("open"),
        IN_PROGRESS: _("in progress"),
        CORRECTED: _("corrected"),
        CHANGED_SINCE: _("changed since"),
    }[status]


def belongingCorrections(facts: Facts) -> CorrectionFacts | None:
    """The corrections, where they are of the baseline that is chosen."""
    baseline = facts.images.get(f"{BASELINE}{PARTS[0]}")
    corrections = facts.corrections
    if corrections is None or baseline is None or not baseline.content:
        return None
    return corrections if corrections.baseline == baseline.content else None


def statusOf(corrections: CorrectionFacts, position: int) -> str:
    """What became of a slice; a mark counts only for what the slice held when it was marked."""
    content = corrections.slices.get(position)
    mark = corrections.marks.get(position)
    if mark is not None:
        return CORRECTED if content is not None and content.content == mark else CHANGED_SINCE
    if content is not None and content.content != content.start:
        return IN_PROGRESS
    return UNTOUCHED


def learnedSlices(corrections: CorrectionFacts | None) -> tuple[int, ...]:
    """The slices that tuning learns from: marked, and not changed since."""
    if corrections is None:
        return ()
    return tuple(s for s in sorted(corrections.marks) if statusOf(corrections, s) == CORRECTED)


def fingerprint(corrections: CorrectionFacts) -> str:
    """What tuning would learn from now, as a hash."""
    learned = [(position, corrections.marks[position]) for position in learnedSlices(corrections)]
    return hashlib.sha256(json.dumps(learned).encode()).hexdigest()[:16]


def proposedSlices(facts: Facts) -> tuple[SliceProposal, ...]:
    """The proposed slices, best first: as many as is wanted, or every slice with a lesion."""
    if facts.case is None or facts.card is None:
        return ()
    wanted = facts.settings.proposedSlices or facts.card.proposed_slices
    if wanted:
        return facts.case.proposals[:wanted]
    corrections = belongingCorrections(facts)
    if corrections is None:
        return tuple(p for p in facts.case.proposals if p.lesion_area_voxels)
    return tuple(p for p in facts.case.proposals if p.slice in corrections.startAreas)


def wantedSlices(facts: Facts, marks: Iterable[int], added: Iterable[int]) -> tuple[int, ...]:
    """Every slice that has a row: the proposed ones first, then those that the user added or marked."""
    proposed = [proposal.slice for proposal in proposedSlices(facts)]
    return (*proposed, *sorted({*marks, *added} - set(proposed)))


def correctionsOf(facts: Facts) -> Corrections:
    """Everything of step 2."""
    corrections = belongingCorrections(facts)
    if corrections is None or facts.case is None or facts.case.workingGrid is None:
        return Corrections()
    means = {proposal.slice: proposal for proposal in facts.case.proposals}
    proposed = {proposal.slice for proposal in proposedSlices(facts)}
    rows = []
    for position in wantedSlices(facts, corrections.marks, corrections.added):
        status = statusOf(corrections, position)
        content = corrections.slices.get(position)
        rows.append(
            SliceRow(
                slice=position,
                title=sliceTitle(sliceCentre(facts.case.workingGrid, position)),
                why=_why(means.get(position), position in proposed),
                lesionAreaMm2=0.0 if content is None else content.areaMm2,
                status=status,
                statusTitle=statusTitle(status),
                isProposed=position in proposed,
                isShown=position == facts.shownSlice,
            )
        )
    return Corrections(
        nodeId=corrections.nodeId,
        segmentId=corrections.segmentId,
        rows=tuple(rows),
        learned=learnedSlices(corrections),
        summary=_summary(corrections),
        startIsKnownLesions=corrections.startIsKnownLesions,
    )


def _why(proposal: SliceProposal | None, isProposed: bool) -> str:
    if proposal is None or not isProposed:
        return _("added by you")
    text = _("most useful to correct") if proposal.rank == 1 else _("useful to correct")
    return _("{number}. {why}").format(number=proposal.rank, why=text)


def _summary(corrections: CorrectionFacts) -> str:
    learned = learnedSlices(corrections)
    changed = [s for s in corrections.marks if statusOf(corrections, s) == CHANGED_SINCE]
    parts = []
    if not learned:
        parts.append(_("No slice is corrected yet; one is enough to begin."))
    elif len(learned) == 1:
        parts.append(_("1 slice is corrected; a second one makes the result steadier."))
    else:
        parts.append(_("{count} slices are corrected.").format(count=len(learned)))
    if changed:
        parts.append(_("{count} changed since; mark again what shall count.").format(count=len(changed)))
    if learned and fingerprint(corrections) in corrections.learned.values():
        parts.append(_("The CNN has learned from these."))
    elif corrections.learned:
        parts.append(_("The CNN has not learned from these changes yet."))
    return " ".join(parts)
