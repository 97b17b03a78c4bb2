"""Names of unfinished files and folders: they tell which process writes them, so that what it leaves is found."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .processes import is_running
from .processes import this_computer

_COUNT = itertools.count()
_OWN_NAME = re.compile(r"\.pst-([0-9a-f]{8})-(\d{1,10})-\d+\.partial(?:\.(.*))?", re.DOTALL)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder for what will become `path`; it keeps all suffixes, which decide the format."""
    return path.with_name(f"{_mark()}.{path.name}")


def temporary_in(folder: Path) -> Path:
    """A name in a folder for something that has no name yet."""
    return folder / _mark()


def remove_leftovers(folders: Iterable[Path], *, of: str | None = None) -> None:
    """Delete what processes that are gone had begun to write in these folders; links are left alone.

    Args:
        folders: looked at themselves, not their subfolders.
        of: only what would have become a file of this name.
    """
    for folder in folders:
        with suppress(OSError):
            for entry in list(os.scandir(folder)):
                if _is_left_over(entry.name, of):
                    _remove(entry)


def _mark() -> str:
    return f".pst-{this_computer()}-{os.getpid()}-{next(_COUNT)}.partial"


def _is_left_over(name: str, of: str | None) -> bool:
    found = _OWN_NAME.fullmatch(name)
    if found is None or found[1] != this_computer() or (of is not None and found[3] != of):
        return False
    return int(found[2]) != os.getpid() and not is_running(int(found[2]))


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(entry.path)
