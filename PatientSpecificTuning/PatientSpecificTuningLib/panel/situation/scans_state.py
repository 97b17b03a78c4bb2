"""What step 1 shows: the chosen images of both examinations and how they may be prepared; pure Python."""

from __future__ import annotations

import re

from ...engine.model.card import ModelCard
from ...engine.model.card import Pathway
from .facts import Facts
from .facts import ImageFacts
from .problems import LESIONS
from .problems import MASK
from .problems import PARTS
from .problems import examinationName
from .problems import inputHints
from .problems import inputProblems
from .state import BASELINE
from .state import EXAMINATIONS
from .state import FOLLOWUP
from .state import Allowed
from .state import ChosenImage
from .state import Examination
from .state import SeriesTarget
from .words import tr as _


def examinationTitle(examination: str) -> str:
    """The heading of an examination."""
    return _("Baseline") if examination == BASELINE else _("Follow-up")


def problemsOf(facts: Facts) -> tuple[str, ...]:
    """What stops the preparation, one sentence each."""
    if facts.card is None:
        return (facts.modelProblem,)
    return inputProblems(facts.images, facts.card)


def hintsOf(facts: Facts) -> tuple[str, ...]:
    """What is worth a second look."""
    return inputHints(facts.images)


def examinationsOf(facts: Facts) -> tuple[Examination, ...]:
    """Both columns."""
    return tuple(_examination(facts, name) for name in EXAMINATIONS)


def isPrepared(facts: Facts) -> bool:
    """Whether the case of exactly these images holds both examinations, on the grids that the images have now."""
    return all(_isPrepared(facts, name) for name in EXAMINATIONS)


def canStart(facts: Facts, problems: tuple[str, ...]) -> Allowed:
    """Whether both examinations can be prepared."""
    if problems:
        return Allowed(problems[0])
    if _isBusy(facts):
        return Allowed(_("Something runs; wait for it or cancel it."))
    if isPrepared(facts):
        return Allowed(_("Both examinations are prepared."))
    return Allowed()


def seriesTargetsOf(facts: Facts) -> tuple[SeriesTarget, ...]:
    """The series that the model needs, each of which can be made of single volumes."""
    pathways = () if facts.card is None else facts.card.pathways
    return tuple(
        SeriesTarget(
            examination, part, f"{examinationTitle(examination)} {pathway.sequence}", _seriesRows(pathway)
        )
        for examination in EXAMINATIONS
        for part, pathway in zip(PARTS, pathways, strict=False)
        if pathway.channels > 1
    )


def _seriesRows(pathway: Pathway) -> tuple[str, ...]:
    return pathway.channel_labels or tuple(str(number) for number in range(1, pathway.channels + 1))


def _isBusy(facts: Facts) -> bool:
    return facts.running is not None and not facts.running.isAhead


def _isPrepared(facts: Facts, examination: str) -> bool:
    first = facts.images.get(f"{examination}{PARTS[0]}")
    if facts.case is None or first is None or first.grid is None:
        return False
    grid = facts.case.grids.get(examination)
    # The folder follows from the content already; its grid is compared as well, since so much depends on it.
    return examination in facts.case.prepared and grid is not None and grid.same_as(first.grid, 0.01)


def _examination(facts: Facts, name: str) -> Examination:
    first = facts.images.get(f"{name}{PARTS[0]}")
    identity = "" if first is None else ", ".join(part for part in (first.patient, _date(first)) if part)
    prepared = _isPrepared(facts, name)
    return Examination(
        name=name,
        title=examinationTitle(name),
        images=_chosenImages(facts, name),
        identity=identity,
        shownId=facts.shownIds.get(name, ""),
        isPrepared=prepared,
        notes=_notes(facts.case.notes.get(name, ())) if facts.case is not None and prepared else (),
    )


def _notes(notes: tuple[str, ...]) -> tuple[str, ...]:
    """What the preparation had to say, with the examination named as users know it."""
    return tuple(re.sub(r"\bfollowup\b", examinationName(FOLLOWUP), note) for note in notes)


def _date(image: ImageFacts) -> str:
    date = image.date
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdigit() else date


def _chosenImages(facts: Facts, examination: str) -> tuple[ChosenImage, ...]:
    card = facts.card or ModelCard()
    chosen = []
    for position, part in enumerate(PARTS):
        isUsed = position < len(card.pathways)
        sequence = card.pathways[position].sequence if isUsed else ""
        needed = isUsed and sequence not in card.missing_sequences
        chosen.append(_chosen(facts, f"{examination}{part}", sequence, isUsed, needed))
    organ = _("{organ} mask").format(organ=card.organ.capitalize())
    chosen.append(_chosen(facts, f"{examination}{MASK}", organ, True, card.organ != "brain"))
    chosen.append(_chosen(facts, f"{examination}{LESIONS}", _("Known lesions"), True, False))
    return tuple(chosen)


def _chosen(facts: Facts, field: str, title: str, isUsed: bool, isNeeded: bool) -> ChosenImage:
    image = facts.images.get(field)
    if image is None:
        return ChosenImage(field, title, isUsed, isNeeded)
    return ChosenImage(field, title, isUsed, isNeeded, image.nodeId, image.name, image.content, image.volumes)
