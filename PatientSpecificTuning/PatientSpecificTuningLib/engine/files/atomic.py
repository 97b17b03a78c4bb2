"""Writing files so that they exist complete or not at all."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from .temporaries import remove_leftovers
from .temporaries import temporary_beside

NO_SPACE = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}
NOT_ALLOWED = {
    getattr(errno, name) for name in ("EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST") if hasattr(errno, name)
}
# Windows refuses to replace a file while somebody reads it, be it the panel or a virus scanner.
WAITS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4) if sys.platform == "win32" else ()


@contextmanager
def replace_when_complete(path: Path, *, parents: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends without an error.

    The temporary name keeps all suffixes of `path`, since image writers choose the format by them. When the
    block fails, the temporary file is removed and an earlier file at `path` stays as it was. What an earlier process
    that was ended by force left of the same file is removed too.

    Args:
        parents: make missing folders above `path`; without, the folder must be there.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        with write_errors_told(path):
            if parents:
                path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers([path.parent], of=path.name)
            yield temporary
            with open(temporary, "rb+") as written:
                os.fsync(written.fileno())
            replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def replace(source: Path, target: Path) -> None:
    """Move a file in place of another; on Windows patiently, while somebody reads what is there.

    Raises:
        OSError: it cannot be moved.
    """
    for wait in WAITS_S:
        try:
            os.replace(source, target)
        except PermissionError:
            time.sleep(wait)
        else:
            return
    os.replace(source, target)


def move(source: Path, target: Path) -> None:
    """Move something complete in place, as `replace` does.

    Raises:
        InputError: the folder cannot be written to.
    """
    with write_errors_told(target):
        replace(source, target)


def remove(path: Path) -> None:
    """Delete a file that may be gone already.

    Raises:
        InputError: the folder cannot be written to.
    """
    with write_errors_told(path):
        path.unlink(missing_ok=True)


@contextmanager
def write_errors_told(path: Path) -> Iterator[None]:
    """While the block writes to `path`, an error that the user can do something about becomes one sentence.

    Raises:
        InputError: what `write_problem` says.
        OSError: any other error of the block, as it is.
    """
    try:
        yield
    except OSError as error:
        sentence = write_problem(error, path)
        if sentence is None:
            raise
        raise InputError(sentence) from error


def write_problem(error: OSError, path: Path) -> str | None:
    """One sentence for why a file could not be written; None where the error has another reason."""
    if error.errno in NO_SPACE:
        return f"The disk is full while writing {path.name}; free some space in {path.parent} and run again."
    if error.errno in NOT_ALLOWED:
        return f"{path.name} cannot be written to {path.parent}; choose a folder that you may write to."
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return (
            f"{path.name} cannot be written since the folder {path.parent} is not there any more; run again."
        )
    return None


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, complete or not at all."""
    with replace_when_complete(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes to `path`, complete or not at all."""
    with replace_when_complete(path) as temporary:
        temporary.write_bytes(content)


def make_folder(folder: Path, *, parents: bool = False) -> None:
    """Make a folder that may be there already.

    Raises:
        InputError: it cannot be made.
    """
    with write_errors_told(folder):
        folder.mkdir(parents=parents, exist_ok=True)
