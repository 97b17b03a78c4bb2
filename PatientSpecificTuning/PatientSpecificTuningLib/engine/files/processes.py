"""Which processes still run on this computer, so that what the others left can be told from work in progress."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import sys

_SYNCHRONIZE = 0x00100000
_STILL_RUNNING = 258


def this_computer() -> str:
    """A short name of this computer; process numbers of another one say nothing here."""
    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape")).hexdigest()[:8]


def is_running(process: int) -> bool:
    """Whether a process of this computer runs; where the system does not say, it is taken to run."""
    if process <= 0:
        return False
    if sys.platform == "win32":
        return _runs_on_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _runs_on_windows(process: int) -> bool:
    # On Windows os.kill would end it.
    library = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only, which mypy minds
    handle = library.OpenProcess(_SYNCHRONIZE, False, process)
    if not handle:
        return False
    try:
        return bool(library.WaitForSingleObject(handle, 0) == _STILL_RUNNING)
    finally:
        library.CloseHandle(handle)
