"""One writer at a time: a lock on a file that ends with the process that holds it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from .atomic import write_problem
from .processes import is_running
from .processes import this_computer

PATIENCE_S = 20.0
PAUSE_S = 0.02
# Nobody holds a lock longer than it takes to write a few small files and to move large ones.
FORGOTTEN_AFTER_S = 120.0


@dataclass
class _Held:
    """What one process knows of one lock: its own threads wait for each other, and one thread may hold it twice."""

    thread: threading.RLock = field(default_factory=threading.RLock)  # type: ignore[valid-type]
    depth: int = 0


_OWN: dict[str, _Held] = {}
_OWN_GUARD = threading.Lock()


@contextmanager
def locked(path: Path, what: str, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the lock of a file for as long as the block runs; the file stays, empty.

    The operating system's lock is used, which ends with its process however that ends. A storage without locks,
    as some network folders are, gets a file that only one can make; it is ignored when its process is gone.

    Args:
        path: the file of the lock, in a folder that is there.
        what: what the lock protects, for the message.

    Raises:
        InputError: another process holds it for longer than `patience_s`, or the folder cannot be written to.
    """
    with _OWN_GUARD:
        own = _OWN.setdefault(os.path.abspath(path), _Held())
    deadline = time.monotonic() + patience_s
    if not own.thread.acquire(timeout=patience_s):
        raise InputError(_busy(what))
    try:
        if own.depth:
            yield
            return
        with _locked_by_system(path, what, deadline):
            own.depth += 1
            try:
                yield
            finally:
                own.depth -= 1
    finally:
        own.thread.release()


@contextmanager
def _locked_by_system(path: Path, what: str, deadline: float) -> Iterator[None]:
    if path.is_symlink():
        message = f"{path} is a link, which leads out of {what}; remove it."
        raise InputError(message)
    try:
        file = open(path, "ab")  # noqa: SIM115 - closed below, after the lock
    except OSError as error:
        raise InputError(write_problem(error, path) or str(error)) from error
    with file:
        try:
            while not _taken(file):
                _wait(what, deadline)
        except OSError:
            # Not every network storage has locks.
            with _locked_by_existence(path.with_name(f"{path.name}-held"), what, deadline):
                yield
            return
        try:
            yield
        finally:
            _let_go(file)


def _taken(file: BinaryIO) -> bool:
    """Whether the lock could be taken now.

    Raises:
        OSError: the storage has no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go(file: BinaryIO) -> None:
    # Closing would do on most systems, Windows only promises "some time later".
    with suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


@contextmanager
def _locked_by_existence(path: Path, what: str, deadline: float) -> Iterator[None]:
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if _is_forgotten(path):
                with suppress(OSError):
                    path.unlink()
            else:
                _wait(what, deadline)
        else:
            break
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{this_computer()} {os.getpid()}")
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _is_forgotten(path: Path) -> bool:
    try:
        computer, _, process = path.read_text(encoding="ascii").partition(" ")
        age = time.time() - path.stat().st_mtime
    except (OSError, ValueError):
        return False
    if computer == this_computer() and process.isdecimal():
        return not is_running(int(process))
    return age > FORGOTTEN_AFTER_S


def _wait(what: str, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise InputError(_busy(what))
    time.sleep(PAUSE_S)


def _busy(what: str) -> str:
    return f"Another process is writing to {what}; wait until it is done and run again."
