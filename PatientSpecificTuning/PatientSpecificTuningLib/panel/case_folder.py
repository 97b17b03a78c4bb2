"""Where the work on one patient is kept: the same images and model always lead to the same folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import SimpleITK as sitk
import slicer

from ..engine.model.card import ModelCard
from .input_check import sequenceNodes
from .node_images import labelImage
from .node_images import volumeImages
from .parameters import EXAMINATIONS

SETTING = "PatientSpecificTuning/CasesFolder"


def casesFolder() -> Path:
    """The folder of all cases, from the settings of the application."""
    return Path(slicer.util.settingsValue(SETTING, str(Path.home() / "PatientSpecificTuning")))


def isAutomatic(folder: str) -> bool:
    """Whether a case folder was named by `automaticCaseFolder`."""
    path = Path(folder)
    return path.parent == casesFolder() and re.fullmatch(r".+-[0-9a-f]{8}", path.name) is not None


def automaticCaseFolder(parameters, card: ModelCard, modelHash: str) -> Path:
    """A folder named by the baseline and by the content of everything that is prepared."""
    digest = hashlib.sha256(modelHash.encode())
    for examination in EXAMINATIONS:
        nodes = sequenceNodes(parameters, examination, card)
        images = [(name, image) for name, node in nodes.items() for image in volumeImages(node)]
        mask = getattr(parameters, f"{examination}Mask")
        if mask is not None:
            images.append(("mask", labelImage(mask)))
        for name, image in images:
            digest.update(f"{examination} {name} {image.GetSize()} {image.GetOrigin()}".encode())
            digest.update(f"{image.GetSpacing()} {image.GetDirection()}".encode())
            digest.update(sitk.GetArrayFromImage(image).tobytes())
    name = re.sub(r"[^\w-]+", "_", parameters.baselineFirst.GetName()).strip("_") or "case"
    return casesFolder() / f"{name}-{digest.hexdigest()[:8]}"
