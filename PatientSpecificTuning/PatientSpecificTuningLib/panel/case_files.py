"""The chosen nodes as files in the case folder, where the worker reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..engine.images.volumes import write_volume
from ..engine.model.card import ModelCard
from .scene.node_images import labelImage
from .scene.node_images import volumeImages
from .situation.problems import MASK
from .situation.problems import PARTS
from .situation.state import EXAMINATIONS

INPUTS = "inputs"


def writeInputs(parameters, card: ModelCard, folder: Path) -> dict[str, Any]:
    """Write every chosen node and return the arguments of the worker's `prepare`.

    Unchanged nodes give files of the same content, by which the engine recognises what is prepared already.

    Raises:
        InputError: a node cannot be used, or the folder cannot be written to.
    """
    arguments: dict[str, Any] = {}
    for examination in EXAMINATIONS:
        pathways = zip(card.pathways, PARTS, strict=False)
        nodes = {p.sequence: getattr(parameters, f"{examination}{part}") for p, part in pathways}
        arguments[examination] = {
            name: _writeImages(volumeImages(node), folder / INPUTS / f"{examination}_{name}")
            for name, node in nodes.items()
            if node is not None
        }
        mask = getattr(parameters, f"{examination}{MASK}")
        if mask is not None:
            path = folder / INPUTS / f"{examination}_organ_mask.nrrd"
            write_volume(labelImage(mask), path, compress=False)
            arguments[f"{examination}_mask"] = str(path)
    return arguments


def _writeImages(images: list[sitk.Image], stem: Path) -> list[str]:
    paths = [stem.with_name(f"{stem.name}_{i:02d}.nrrd") for i in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        # Compressing would block the panel for longer than the disk space is worth.
        write_volume(image, path, compress=False)
    return [str(path) for path in paths]
