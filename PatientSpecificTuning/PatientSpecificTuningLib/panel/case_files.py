"""The chosen nodes as files in the case folder, where the worker reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..engine.images.volumes import write_volume
from ..engine.model.card import ModelCard
from .scene.node_images import eachImage
from .scene.node_images import labelImage
from .situation.problems import MASK
from .situation.problems import PARTS
from .situation.state import EXAMINATIONS
from .turns import Steps

INPUTS = "inputs"


def writeInputs(parameters, card: ModelCard, folder: Path) -> Steps:
    """Write every chosen node, one volume in each step, and return the arguments of the worker's `prepare`.

    Unchanged nodes give files of the same content, by which the engine recognises what is prepared already.

    Raises:
        InputError: a node cannot be used, or the folder cannot be written to.
    """
    arguments: dict[str, Any] = {}
    # What is chosen while it is written belongs to another case.
    sequences, masks = _chosen(parameters, card)
    for examination in EXAMINATIONS:
        arguments[examination] = {}
        for name, node in sequences[examination].items():
            stem = folder / INPUTS / f"{examination}_{name}"
            arguments[examination][name] = yield from _writeVolumes(node, stem)
        if masks[examination] is not None:
            path = folder / INPUTS / f"{examination}_organ_mask.nrrd"
            write_volume(labelImage(masks[examination]), path, compress=False)
            arguments[f"{examination}_mask"] = str(path)
            yield
    return arguments


def _chosen(parameters, card: ModelCard) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The nodes of the sequences, by examination and name, and those of the masks, by examination."""
    sequences: dict[str, dict[str, Any]] = {}
    for examination in EXAMINATIONS:
        pathways = zip(card.pathways, PARTS, strict=False)
        nodes = {p.sequence: getattr(parameters, f"{examination}{part}") for p, part in pathways}
        sequences[examination] = {name: node for name, node in nodes.items() if node is not None}
    return sequences, {
        examination: getattr(parameters, f"{examination}{MASK}") for examination in EXAMINATIONS
    }


def _writeVolumes(node, stem: Path) -> Steps:
    paths = []
    for i, image in enumerate(eachImage(node)):
        paths.append(str(stem.with_name(f"{stem.name}_{i:02d}.nrrd")))
        # Compressing would block the panel for longer than the disk space is worth.
        write_volume(image, Path(paths[-1]), compress=False)
        yield
    return paths
