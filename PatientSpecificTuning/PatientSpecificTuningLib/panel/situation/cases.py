"""The cases on disk: their names, which follow from images, model and settings, how large they are, and deleting one."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...engine.case.layout import CASE_NAME
from ...engine.errors import InputError
from ...engine.files.json_file import read_json
from ...engine.model.card import ModelCard
from .facts import ImageFacts
from .problems import MASK
from .problems import sequenceImages
from .state import EXAMINATIONS
from .words import tr as _

_NAME = re.compile(r"case-[0-9a-f]{16}")


@dataclass(frozen=True)
class CaseEntry:
    """A case as the settings list it; `date` is when it was last written to."""

    id: str
    name: str
    gigabytes: float
    date: str
    isOpen: bool


def caseId(
    images: Mapping[str, ImageFacts], card: ModelCard, modelHash: str, settings: Mapping[str, str]
) -> str:
    """The name of the only folder in which these images may be worked on with this model and these settings.

    Other images, other places of the same images, another model or other settings give another name, so no case can
    be taken for that of another patient. The name tells nothing of the patient.

    Args:
        settings: how the examinations are prepared, such as the kind of registration.
    """
    contents = {
        examination: {
            "sequences": {
                name: image.content for name, image in sequenceImages(images, examination, card).items()
            },
            "mask": images[mask].content if (mask := f"{examination}{MASK}") in images else "",
        }
        for examination in EXAMINATIONS
    }
    text = json.dumps([contents, modelHash, dict(settings)], sort_keys=True)
    return f"case-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def listCases(folder: Path, opened: str) -> list[CaseEntry]:
    """All cases of a folder, newest first."""
    found = [path for path in folder.glob("case-*") if _NAME.fullmatch(path.name) and path.is_dir()]
    entries = [_entry(path, opened) for path in found]
    return sorted(entries, key=lambda entry: entry.date, reverse=True)


def deleteCase(folder: Path, name: str) -> None:
    """Delete a case for good.

    Raises:
        InputError: there is no such case, or it cannot be deleted.
    """
    path = folder / name
    if not _NAME.fullmatch(name) or not path.is_dir():
        raise InputError(_("There is no case {name} in {folder}.").format(name=name, folder=folder))
    try:
        shutil.rmtree(path)
    except OSError as error:
        message = _("{file} cannot be deleted ({reason}); close programs that use it and try again.")
        raise InputError(message.format(file=error.filename or path, reason=error.strerror)) from error


def _entry(path: Path, opened: str) -> CaseEntry:
    files = [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    written = datetime.fromtimestamp(path.stat().st_mtime)
    return CaseEntry(
        path.name, _modelName(path), size / 1e9, f"{written:%Y-%m-%d %H:%M}", path.name == opened
    )


def _modelName(path: Path) -> str:
    try:
        values = read_json(path / CASE_NAME)
        return str(values["model"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return _("not complete")
