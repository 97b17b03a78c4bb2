"""What step 2 shows: the slices to correct, what became of each, and what the CNN may learn from; pure Python."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from ...engine.live_files import LiveTuning
from ...engine.tuning.slice_proposal import PAPER
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


def liveOf(facts: Facts) -> LiveTuning | None:
    """What was learned while these corrections were made, None where nothing was or it is switched off."""
    corrections = belongingCorrections(facts)
    live = None if facts.case is None else facts.case.live
    if corrections is None or live is None or not facts.settings.learnWhileCorrecting:
        return None
    return live if live.labels_sha256 == corrections.live else None


def proposedSlices(facts: Facts) -> tuple[SliceProposal, ...]:
    """The proposed slices, best first: as many as is wanted, or every slice with a lesion.

    Once the CNN has learned while slices are corrected, these are the open ones that are proposed now.
    """
    if facts.case is None or facts.card is None:
        return ()
    corrections, live = belongingCorrections(facts), liveOf(facts)
    if live is not None and corrections is not None:
        known = {proposal.slice: proposal for proposal in live.proposals}
        return tuple(known[position] for position in corrections.proposed if position in known)
    wanted = wantedCount(facts)
    if wanted:
        return facts.case.proposals[:wanted]
    if corrections is None:
        return tuple(p for p in facts.case.proposals if p.lesion_area_voxels)
    return tuple(p for p in facts.case.proposals if p.slice in corrections.startAreas)


def wantedCount(facts: Facts) -> int:
    """How many slices are proposed; 0 is every slice with a lesion."""
    return facts.settings.proposedSlices or (facts.card.proposed_slices if facts.card else 0) or 0


def nextProposals(facts: Facts, live: LiveTuning) -> tuple[int, ...]:
    """The open slices to propose from now on: those that were begun or are looked at stay, the best fill up."""
    corrections = belongingCorrections(facts)
    if corrections is None:
        return ()
    open_ = [proposal.slice for proposal in live.proposals if proposal.slice not in corrections.marks]
    before = corrections.proposed or [proposal.slice for proposal in proposedSlices(facts)]
    looked = {facts.shownSlice} | {p for p in before if statusOf(corrections, p) == IN_PROGRESS}
    kept = looked & {*before} & {*open_}
    wanted = wantedCount(facts)
    if wanted:
        best = [position for position in open_ if position not in kept][: max(0, wanted - len(kept))]
    else:
        best = [proposal.slice for proposal in live.proposals if proposal.lesion_area_voxels]
    chosen = kept | set(best)
    return tuple(position for position in open_ if position in chosen)


def wantedSlices(facts: Facts, marks: Iterable[int], added: Iterable[int]) -> tuple[int, ...]:
    """Every slice that has a row.

    The proposed ones come first, then those that the user added or marked; once the CNN learns while slices are
    corrected, those that it learned from come first and the open ones, the best first, follow.
    """
    proposed = [proposal.slice for proposal in proposedSlices(facts)]
    others = sorted({*marks, *added} - set(proposed))
    return (*others, *proposed) if liveOf(facts) else (*proposed, *others)


def correctionsOf(facts: Facts) -> Corrections:
    """Everything of step 2."""
    corrections = belongingCorrections(facts)
    if corrections is None or facts.case is None or facts.case.workingGrid is None:
        return Corrections()
    live, learned = liveOf(facts), learnedSlices(corrections)
    isLearned = live is not None and live.has_learned and live.slices == learned
    ranked = {proposal.slice: proposal for proposal in (live.proposals if live else facts.case.proposals)}
    proposed = proposedSlices(facts)
    return Corrections(
        nodeId=corrections.nodeId,
        segmentId=corrections.segmentId,
        rows=tuple(
            _row(facts, corrections, position, ranked.get(position), proposed)
            for position in wantedSlices(facts, corrections.marks, corrections.added)
        ),
        learned=learned,
        isLearned=isLearned,
        summary=_summary(corrections, isLearned=isLearned),
        startIsKnownLesions=corrections.startIsKnownLesions,
        shift=0.0 if facts.shownSlice is None else corrections.shifts.get(facts.shownSlice, 0.0),
    )


def _row(
    facts: Facts,
    corrections: CorrectionFacts,
    position: int,
    known: SliceProposal | None,
    proposed: tuple[SliceProposal, ...],
) -> SliceRow:
    grid, status = facts.case.workingGrid, statusOf(corrections, position)
    content = corrections.slices.get(position)
    isProposed = any(proposal.slice == position for proposal in proposed)
    wasProposed = position in corrections.marks and position not in corrections.added
    isOpen = status in (UNTOUCHED, IN_PROGRESS)
    pixel = grid.spacing[0] * grid.spacing[1]
    return SliceRow(
        slice=position,
        title=sliceTitle(sliceCentre(grid, position)),
        why=_why(known if isProposed else None, facts)
        if isProposed or not wasProposed
        else _("proposed before"),
        doubt="" if known is None or not isOpen else _area(known.doubt_voxels * pixel),
        lesionAreaMm2=0.0 if content is None else content.areaMm2,
        status=status,
        statusTitle=statusTitle(status),
        isProposed=isProposed or wasProposed,
        isShown=position == facts.shownSlice,
    )


def _area(mm2: float) -> str:
    return _("{area:.0f} mm\u00b2").format(area=mm2)


def _why(proposal: SliceProposal | None, facts: Facts) -> str:
    if proposal is None:
        return _("added by you")
    if facts.settings.criterion == PAPER:
        return _("probability nearest to one half")
    if not proposal.lesion_area_voxels:
        return _("in doubt, though no lesion is found here")
    if proposal.nearest_mm is None:
        return _("most in doubt")
    return _("in doubt, {distance:.0f} mm from the others").format(distance=proposal.nearest_mm)


def _summary(corrections: CorrectionFacts, *, isLearned: bool) -> str:
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
    if isLearned and not corrections.startIsKnownLesions:
        parts.append(_("Open slices show what the CNN finds since."))
    if learned and fingerprint(corrections) in corrections.learned.values():
        parts.append(_("The CNN has learned from these."))
    elif corrections.learned:
        parts.append(_("The CNN has not learned from these changes yet."))
    return " ".join(parts)
