"""What is wrong with the chosen nodes, in words, before anything runs."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.images.geometry import Grid
from ..engine.model.card import ModelCard
from .node_images import gridOf
from .node_images import labelImage
from .parameters import EXAMINATIONS
from .parameters import PARTS

NAMES = {"baseline": "baseline", "followup": "follow-up"}


def inputProblems(parameters, card: ModelCard) -> list[str]:
    """One sentence for each problem that stops the work; empty when both examinations can be prepared."""
    problems = []
    for examination in EXAMINATIONS:
        problems += _examinationProblems(parameters, examination, card)
    same = parameters.baselineFirst is not None and parameters.baselineFirst is parameters.followupFirst
    if same:
        problems.append(
            _("Baseline and follow-up are the same volume; choose the other examination for one of them.")
        )
    if not problems and parameters.baselineLesions is not None:
        problems += _maskProblems(parameters.baselineLesions, parameters.baselineFirst, _("known lesions"))
    return problems


def chosenNodes(parameters) -> list:
    """Every node that is read when the examinations are prepared; None where none is chosen."""
    names = [f"{examination}{part}" for examination in EXAMINATIONS for part in (*PARTS, "Mask")]
    return [getattr(parameters, name) for name in names]


def chosenIds(parameters) -> list[str | None]:
    """The IDs of `chosenNodes`, which keep no node of a closed scene alive."""
    return [node and node.GetID() for node in chosenNodes(parameters)]


def usesZeroForMissing(parameters, card: ModelCard) -> bool:
    """Whether an examination lacks a sequence that the model can do without."""
    return any(
        _nodeOf(parameters, examination, i) is None and pathway.sequence in card.missing_sequences
        for examination in EXAMINATIONS
        for i, pathway in enumerate(card.pathways)
    )


def sequenceNodes(parameters, examination: str, card: ModelCard) -> dict[str, object]:
    """The chosen node of every sequence of the model, by sequence name; missing ones are left out."""
    nodes = {p.sequence: _nodeOf(parameters, examination, i) for i, p in enumerate(card.pathways)}
    return {name: node for name, node in nodes.items() if node is not None}


def _nodeOf(parameters, examination: str, position: int):
    return getattr(parameters, f"{examination}{PARTS[position]}")


def _examinationProblems(parameters, examination: str, card: ModelCard) -> list[str]:
    title, nodes = NAMES[examination], sequenceNodes(parameters, examination, card)
    missing = [
        p.sequence
        for p in card.pathways
        if p.sequence not in nodes and p.sequence not in card.missing_sequences
    ]
    if missing or not nodes:
        wanted = missing or [card.pathways[0].sequence]
        text = _("Choose the {sequence} of the {examination}.")
        return [text.format(sequence=name, examination=_(title)) for name in wanted]
    problems = []
    for pathway in card.pathways:
        if pathway.sequence in nodes:
            problems += _volumeProblems(
                nodes[pathway.sequence], f"{title} {pathway.sequence}", pathway.channels
            )
    if problems:
        return problems
    first = next(iter(nodes.values()))
    for name, node in list(nodes.items())[1:]:
        if not _overlap(gridOf(_firstVolume(first)), gridOf(_firstVolume(node))):
            text = _(
                "The {examination} {name} lies outside {first}; check that both belong to the same examination."
            )
            problems.append(text.format(examination=title, name=name, first=first.GetName()))
    mask = getattr(parameters, f"{examination}Mask")
    if mask is not None:
        problems += _maskProblems(mask, first, _("organ mask"))
    elif card.organ != "brain":
        text = _("Choose the {organ} mask of the {examination}; it can only be estimated for the brain.")
        problems.append(text.format(organ=card.organ, examination=title))
    return problems


def _volumeProblems(node, name: str, channels: int) -> list[str]:
    try:
        volumes = _volumes(node)
        count = sum(volume.GetImageData().GetNumberOfScalarComponents() for volume in volumes)
        sizes = [min(gridOf(volume).size) for volume in volumes]
    except InputError as error:
        return [str(error)]
    except AttributeError:
        return [_("The {name} ({node}) has no image; load it again.").format(name=name, node=node.GetName())]
    if count != channels:
        text = _(
            "The {name} has {count} volume(s) but the model needs {channels}; choose another volume or model."
        )
        return [text.format(name=name, count=count, channels=channels)]
    if min(sizes) < 2:
        return [_("The {name} is a single slice; choose a volume with several slices.").format(name=name)]
    return []


def _volumes(node) -> list:
    if node.IsA("vtkMRMLSequenceNode"):
        return [node.GetNthDataNode(i) for i in range(node.GetNumberOfDataNodes())]
    return [node]


def _firstVolume(node):
    return _volumes(node)[0]


def _maskProblems(node, reference, name: str) -> list[str]:
    try:
        grid = gridOf(_firstVolume(reference))
        if labelImageIsEmpty(node, grid):
            text = _("The {name} {node} marks nothing on {reference}; check that both belong together.")
            return [text.format(name=name, node=node.GetName(), reference=reference.GetName())]
    except InputError as error:
        return [str(error)]
    return []


def labelImageIsEmpty(node, grid: Grid) -> bool:
    """Whether nothing of a mask lies on a grid."""
    return not sitk.GetArrayFromImage(labelImage(node, grid)).any()


def _overlap(first: Grid, second: Grid) -> bool:
    low = np.maximum(first.corners().min(axis=0), second.corners().min(axis=0))
    high = np.minimum(first.corners().max(axis=0), second.corners().max(axis=0))
    return bool((high > low).all())
