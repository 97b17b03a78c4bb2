"""Writing files so that they exist complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from ..errors import InputError


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends without an error.

    The temporary name keeps all suffixes of `path`, since image writers choose the format by them. When the
    block fails, the temporary file is removed and an earlier file at `path` stays as it was.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            message = (
                f"The disk is full while writing {path.name}; free some space in {path.parent} and run again."
            )
            raise InputError(message) from error
        if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
            message = (
                f"{path.name} cannot be written to {path.parent}; choose a folder that you may write to."
            )
            raise InputError(message) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_unfinished(folder: Path) -> None:
    """Delete what a process that was ended by force had begun to write below a folder."""
    for path in list(Path(folder).rglob(".*.partial*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, complete or not at all."""
    with replace_when_complete(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
