"""From what was read to what is so: the one place where the panel's state is computed; pure Python."""

from __future__ import annotations

from ...engine.model.card import ModelCard
from .correct_state import belongingCorrections
from .correct_state import correctionsOf
from .correct_state import fingerprint
from .facts import Facts
from .overlay_state import overlaysOf
from .problems import LESIONS
from .problems import PARTS
from .review_state import reviewOf
from .scans_state import canStart
from .scans_state import examinationsOf
from .scans_state import hintsOf
from .scans_state import isPrepared
from .scans_state import problemsOf
from .scans_state import seriesTargetsOf
from .state import BASELINE
from .state import CHANGED_SINCE
from .state import CORRECT
from .state import FOLLOWUP
from .state import RESULT
from .state import SCANS
from .state import UNTOUCHED
from .state import Allowed
from .state import Corrections
from .state import PanelState
from .state import Review
from .state import ViewPlan
from .words import tr as _


def stateOf(facts: Facts) -> PanelState:
    """Everything that the panel shows and allows."""
    problems = problemsOf(facts)
    prepared = isPrepared(facts) and not problems
    corrections = correctionsOf(facts) if prepared else Corrections()
    review = reviewOf(facts) if prepared else Review()
    step = facts.settings.step if prepared or facts.settings.step == SCANS else SCANS
    if step == RESULT and not review.shown:
        step = CORRECT
    card = facts.card
    first = facts.images.get(f"{BASELINE}{PARTS[0]}")
    return PanelState(
        step=step,
        examinations=examinationsOf(facts),
        models=facts.models,
        model=facts.model,
        problems=problems if facts.images or facts.card is None else (),
        hints=hintsOf(facts),
        caseFolder="" if facts.case is None else facts.case.folder,
        isPrepared=prepared,
        corrections=corrections,
        review=review,
        running=facts.running,
        message=facts.message,
        views=_views(facts, step),
        overlays=overlaysOf(facts, step, corrections, review),
        channels=1 if first is None else first.volumes,
        shownChannel=facts.settings.shownChannel or (1 if card is None else card.pathways[0].key_index + 1),
        seriesTargets=seriesTargetsOf(facts),
        casesFolder=facts.casesFolder,
        asksForCasesFolder=not facts.isCasesFolderChosen,
        workingChannel=0 if card is None else _workingPathway(card)[0],
        workingSequence="" if card is None else _workingPathway(card)[1],
        device=facts.device,
        newSince=_isNewSince(facts, corrections),
        **_allowed(facts, problems, prepared, corrections, review),
    )


def _allowed(
    facts: Facts, problems: tuple[str, ...], prepared: bool, corrections: Corrections, review: Review
) -> dict[str, Allowed]:
    notPrepared = "" if prepared else _("Start in step 1 first; both examinations must be prepared.")
    noCorrections = notPrepared or (
        "" if corrections.nodeId else _("There are no corrections of this baseline; begin them.")
    )
    noResult = notPrepared or ("" if review.shown else _("There is no result yet."))
    busy = facts.running is not None and not facts.running.isAhead
    wait = _("Something runs; wait for it or cancel it.") if busy else ""
    outside = (
        "" if facts.shownSlice is not None else _("The view shows no slice of the baseline; choose one.")
    )
    known = f"{FOLLOWUP}{LESIONS}" in facts.images
    return {
        "canStart": canStart(facts, problems),
        "canCancel": Allowed("" if facts.running is not None else _("Nothing runs.")),
        "canCorrect": Allowed(notPrepared),
        "canMark": Allowed(noCorrections or outside),
        "canAddSlice": Allowed(noCorrections or outside),
        "canShift": Allowed(noCorrections or outside or _whyNotShift(corrections)),
        "canTune": Allowed(noCorrections or wait or _whyNotTune(corrections)),
        "canReview": Allowed(noResult),
        "canCompareVersions": Allowed(
            noResult or ("" if review.compared else _("There is only one version yet."))
        ),
        "canEvaluate": Allowed(
            noResult or wait or ("" if known else _("Choose known lesions of the follow-up in step 1."))
        ),
        "canExport": Allowed(noResult),
        "canExportDicom": Allowed(noResult or wait or _whyNotDicom(facts)),
        "canRemoveVersion": Allowed(noResult or wait),
        "canStartAgain": Allowed(notPrepared or wait),
        "canDecide": Allowed(noResult or wait or _whyNotDecide(review)),
        "canAlign": Allowed(noResult or wait),
        "canSeeWorkingImages": Allowed(notPrepared),
    }


def _whyNotTune(corrections: Corrections) -> str:
    if corrections.learned:
        return ""
    if any(row.status == CHANGED_SINCE for row in corrections.rows):
        return _("The marked slices changed since; mark again what shall count.")
    return _("Correct at least one slice with a lesion and mark it first.")


def _whyNotShift(corrections: Corrections) -> str:
    if corrections.startIsKnownLesions:
        return _("The corrections started from known lesions, not from what the CNN finds.")
    shown = next((row for row in corrections.rows if row.isShown), None)
    if shown is None:
        return _("The slice that is shown is not in the list.")
    if shown.status != UNTOUCHED:
        return _("You have drawn on this slice or marked it, so it stays as it is.")
    return ""


def _whyNotDicom(facts: Facts) -> str:
    first = facts.images.get(f"{FOLLOWUP}{PARTS[0]}")
    isFromDicom = first is not None and first.instances
    return "" if isFromDicom else _("The follow-up was not loaded with Slicer's DICOM module.")


def _whyNotDecide(review: Review) -> str:
    return "" if review.decidable else _("The CNN was not tuned to this patient yet.")


def _isNewSince(facts: Facts, corrections: Corrections) -> bool:
    """Whether tuning now would learn something that no version has learned."""
    belonging = belongingCorrections(facts)
    if belonging is None or not corrections.learned:
        return False
    return fingerprint(belonging) not in belonging.learned.values()


def _workingPathway(card: ModelCard) -> tuple[int, str]:
    """The channel and the name of the sequence that was brought onto the first one."""
    if len(card.pathways) == 1:
        return card.pathways[0].key_index, card.pathways[0].sequence
    return card.pathways[0].channels + card.pathways[1].key_index, card.pathways[1].sequence


def _views(facts: Facts, step: str) -> ViewPlan:
    """Step 1 shows what is chosen, step 2 the baseline, step 3 the follow-up or both."""
    baseline, followup = (facts.shownIds.get(name, "") for name in (BASELINE, FOLLOWUP))
    if step == CORRECT:
        followup = ""
    elif step == RESULT and not facts.settings.sideBySide:
        baseline = ""
    layouts = {(True, True): "both", (True, False): BASELINE, (False, True): FOLLOWUP}
    layout = layouts.get((bool(baseline), bool(followup)), "")
    return ViewPlan(layout, baseline, followup, facts.isUsersLayout)
