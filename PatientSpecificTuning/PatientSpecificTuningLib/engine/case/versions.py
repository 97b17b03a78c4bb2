"""The numbered versions of a case: made aside, counted from the moment their folder has its number."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.atomic import make_folder
from ..files.atomic import move
from ..files.json_file import read_json_object
from ..files.temporaries import temporary_in
from .layout import FINAL_JSON

_VERSION = re.compile(r"\d{4,9}")


def require_kind(kind: Any) -> None:
    """Refuse anything that is no kind of version.

    Raises:
        InputError: it is neither "tuned" nor "results".
    """
    if not isinstance(kind, str) or kind not in FINAL_JSON:
        message = f"There are no versions of {kind!r}; use one of {', '.join(FINAL_JSON)}."
        raise InputError(message)


def version_numbers(case: Path, kind: str) -> list[str]:
    """Numbers of the complete versions, oldest first."""
    require_kind(kind)
    found = [f.name for f in _numbered(case / kind) if (f / FINAL_JSON[kind]).is_file()]
    return sorted(found, key=int)


def version_info(folder: Path, kind: str) -> dict[str, Any]:
    """What the final JSON of the version in a folder says.

    Raises:
        InputError: it is damaged.
    """
    path = folder / FINAL_JSON[kind]
    try:
        return read_json_object(path)
    except (OSError, ValueError) as error:
        message = f"{path} is damaged ({error}); choose another version or run the step again."
        raise InputError(message) from error


def agrees(info: Mapping[str, Any], origin: Mapping[str, Any]) -> bool:
    """Whether a version was made from the same things; compared as JSON, since it was read from JSON."""
    plain = json.loads(json.dumps(origin))
    return all(info.get(key) == value for key, value in plain.items())


def claim_number(case: Path, kind: str, temporary: Path) -> str:
    """Give a complete folder the next number; call it only while the case is locked.

    Raises:
        InputError: it cannot be moved there.
    """
    taken = [int(entry.name) for entry in (case / kind).iterdir() if _VERSION.fullmatch(entry.name)]
    number = max(taken, default=0) + 1
    target = case / kind / f"{number:04d}"
    move(temporary, target)
    return target.name


def drop(folder: Path) -> None:
    """Delete the folder of a version, so that one that is interrupted leaves no half version."""
    aside = temporary_in(folder.parent)
    move(folder, aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def made_aside(parent: Path) -> Iterator[Path]:
    """Yield an empty temporary folder in another one; it is gone in the end, unless it was moved away."""
    temporary = temporary_in(parent)
    make_folder(temporary)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_in(source: Path, target: Path, *, last: str | None = None) -> None:
    """Move all files of one folder into another one, the one that makes them count last."""
    for file in sorted(source.iterdir(), key=lambda file: (file.name == last, file.name)):
        move(file, target / file.name)


def _numbered(folder: Path) -> list[Path]:
    # A link is no version: what is written or removed in it would be elsewhere.
    return [f for f in folder.glob("[0-9]*") if _VERSION.fullmatch(f.name) and not f.is_symlink()]
