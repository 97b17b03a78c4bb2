"""What is wrong with the chosen images, and what is only worth knowing, in words; pure Python."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

from ...engine.model.card import ModelCard
from ...engine.model.card import Pathway
from .facts import ImageFacts
from .places import overlap
from .state import BASELINE
from .state import EXAMINATIONS
from .words import tr as _

# The sequences of an examination, in the order of the model's pathways.
PARTS = ("First", "Second")
MASK, LESIONS = "Mask", "Lesions"

Images = Mapping[str, ImageFacts]


def examinationName(examination: str) -> str:
    """How sentences name an examination."""
    return _("baseline") if examination == BASELINE else _("follow-up")


def sequenceImages(images: Images, examination: str, card: ModelCard) -> dict[str, ImageFacts]:
    """The chosen image of every sequence of the model, by sequence name; missing ones are left out."""
    fields = zip(card.pathways, PARTS, strict=False)
    found = {pathway.sequence: images.get(f"{examination}{part}") for pathway, part in fields}
    return {sequence: image for sequence, image in found.items() if image is not None}


def usesZeroForMissing(images: Images, card: ModelCard) -> bool:
    """Whether an examination lacks a sequence that the model can do without."""
    return any(
        f"{examination}{part}" not in images and pathway.sequence in card.missing_sequences
        for examination in EXAMINATIONS
        for pathway, part in zip(card.pathways, PARTS, strict=False)
    )


def inputProblems(images: Images, card: ModelCard) -> tuple[str, ...]:
    """One sentence for each problem that stops the work; empty when both examinations can be prepared."""
    problems = [p for examination in EXAMINATIONS for p in _examinationProblems(images, examination, card)]
    problems += _sharedImages(images, card)
    known = images.get(f"{BASELINE}{LESIONS}")
    if not problems and known is not None:
        problems += _maskProblems(known, images[f"{BASELINE}{PARTS[0]}"], _("known lesions"))
    return tuple(problems)


def inputHints(images: Images) -> tuple[str, ...]:
    """What does not stop the work but makes a careful user look again: two patients, dates the wrong way round."""
    first, second = (images.get(f"{examination}{PARTS[0]}") for examination in EXAMINATIONS)
    hints = []
    if first is not None and second is not None:
        if first.patient and second.patient and first.patient != second.patient:
            text = _("Baseline is of {first}, follow-up of {second}: are these one patient?")
            hints.append(text.format(first=first.patient, second=second.patient))
        if first.date and second.date and first.date > second.date:
            text = _("The baseline ({first}) is later than the follow-up ({second}): are they swapped?")
            hints.append(text.format(first=first.date, second=second.date))
    for examination in EXAMINATIONS:
        hints += _patientsWithin(images, examination)
    return tuple(hints)


def _patientsWithin(images: Images, examination: str) -> Iterator[str]:
    chosen = [images.get(f"{examination}{part}") for part in PARTS]
    patients = sorted({image.patient for image in chosen if image is not None and image.patient})
    if len(patients) > 1:
        text = _("The images of the {examination} are of {patients}: are these one patient?")
        yield text.format(examination=examinationName(examination), patients=_(" and of ").join(patients))


def _examinationProblems(images: Images, examination: str, card: ModelCard) -> list[str]:
    title, chosen = examinationName(examination), sequenceImages(images, examination, card)
    missing = [
        p.sequence
        for p in card.pathways
        if p.sequence not in chosen and p.sequence not in card.missing_sequences
    ]
    if missing or not chosen:
        wanted = missing or [card.pathways[0].sequence]
        text = _("Choose the {sequence} of the {examination}.")
        return [text.format(sequence=name, examination=title) for name in wanted]
    problems = [
        problem
        for pathway in card.pathways
        if pathway.sequence in chosen
        for problem in _volumeProblems(chosen[pathway.sequence], pathway, title)
    ]
    return problems or _fitProblems(images, examination, card, chosen)


def _fitProblems(
    images: Images, examination: str, card: ModelCard, chosen: Mapping[str, ImageFacts]
) -> list[str]:
    title, [first, *others] = examinationName(examination), list(chosen.items())
    problems = []
    for name, image in others:
        if first[1].grid is not None and image.grid is not None and not overlap(first[1].grid, image.grid):
            text = _(
                "The {name} of the {examination} lies outside {first}; check that both belong to one examination."
            )
            problems.append(text.format(examination=title, name=name, first=first[1].name))
    mask = images.get(f"{examination}{MASK}")
    if mask is not None:
        problems += _maskProblems(mask, first[1], _("{organ} mask").format(organ=card.organ))
    elif card.organ != "brain":
        text = _("Choose the {organ} mask of the {examination}; it can only be estimated for the brain.")
        problems.append(text.format(organ=card.organ, examination=title))
    return problems


def _volumeProblems(image: ImageFacts, pathway: Pathway, title: str) -> list[str]:
    if image.problem:
        return [image.problem]
    if image.volumes != pathway.channels:
        text = _(
            "The {sequence} of the {examination} ({name}) has {count} volume(s) but the model needs {needed}; choose"
            " another image or model."
        )
        words = {"sequence": pathway.sequence, "examination": title, "name": image.name}
        return [text.format(**words, count=image.volumes, needed=pathway.channels)]
    if image.grid is not None and min(image.grid.size) < 2:
        text = _("{name} is a single slice; choose a volume with several slices.")
        return [text.format(name=image.name)]
    return []


def _maskProblems(mask: ImageFacts, reference: ImageFacts, name: str) -> list[str]:
    if mask.problem:
        return [mask.problem]
    if mask.marksNothing:
        text = _("The {name} {node} marks nothing on {reference}; check that both belong together.")
        return [text.format(name=name, node=mask.name, reference=reference.name)]
    return []


def _sharedImages(images: Images, card: ModelCard) -> list[str]:
    """The same volume, or the same voxels at the same place, where different ones are needed."""
    problems, seen = [], {}
    for examination in EXAMINATIONS:
        for sequence, image in sequenceImages(images, examination, card).items():
            what = _("{sequence} of the {examination}").format(
                sequence=sequence, examination=examinationName(examination)
            )
            key = image.content or image.nodeId
            if key in seen:
                text = _("{name} is chosen as {first} and as {second}; choose another for one of them.")
                problems.append(text.format(name=image.name, first=seen[key], second=what))
            seen.setdefault(key, what)
    return problems
