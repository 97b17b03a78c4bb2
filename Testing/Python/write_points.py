"""Every moment at which a story changes a folder, found by listening to Python itself, and a fault at each of them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.files import lock
from PatientSpecificTuningLib.engine.files import processes
from PatientSpecificTuningLib.engine.files import temporaries

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_REMOVALS = {"os.remove", "os.rmdir"}
_LOCK = "case.lock"


class Killed(BaseException):
    """The process is gone; whatever Python does until it reaches the test must change nothing any more."""


class WritePoints:
    """Counts the changes that a story makes below a folder, and lets something happen at one of them.

    Attributes:
        names: what each point was, in order.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._folder: Path | None = None
        self._at: Callable[[int, str], None] | None = None
        self._dead = False
        self._busy = False

    @contextmanager
    def listening(self, folder: Path, at: Callable[[int, str], None] | None = None) -> Iterator[None]:
        """Listen to what happens below a folder; `at` is called with the number of each point and its event."""
        self.names, self._folder, self._at, self._dead = [], folder.resolve(), at, False
        try:
            yield
        finally:
            self._folder = self._at = None
            self._dead = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens in this block is somebody else's."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def die(self) -> None:
        """End the process as by force: nothing is changed from here on."""
        self._dead = True
        raise Killed

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An event of the running Python; raises what the fault says."""
        if self._folder is None or self._busy or not self._concerns(event, arguments):
            return
        if self._dead:
            raise Killed
        self.point(event, str(arguments[0]))

    def point(self, event: str, path: str) -> None:
        """One change is about to happen."""
        if self._folder is None or self._busy:
            return
        if self._dead:
            raise Killed
        self.names.append(f"{event} {os.path.basename(path)}")
        if self._at is not None:
            self._at(len(self.names) - 1, event)

    def _concerns(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _mode, flags = arguments
            if not isinstance(path, str | bytes | os.PathLike) or not (flags or 0) & _WRITING:
                return False
            return self._is_inside(path) and os.path.basename(os.fsdecode(path)) != _LOCK
        return event in _CHANGES and self._is_inside(arguments[0])

    def _is_inside(self, path: Any) -> bool:
        text = os.fsdecode(path)
        # Names that are relative to an open folder come from the removal of folders.
        return not os.path.isabs(text) or text.startswith(str(self._folder))


POINTS = WritePoints()
sys.addaudithook(POINTS.hear)


@contextmanager
def as_processes(patch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let one test play several processes; the function that is yielded starts the next one, the others are gone."""
    number = [1_000_000]

    class System:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def getpid(self) -> int:
            return number[0]

    patch.setattr(temporaries, "os", System())
    for module in (temporaries, lock, processes):
        patch.setattr(module, "is_running", lambda process: process == number[0])
    _listen_to_libraries(patch)

    def next_process() -> None:
        number[0] += 1

    yield next_process


def _listen_to_libraries(patch: pytest.MonkeyPatch) -> None:
    """What is written beside Python's own functions: images, transforms, and the flush to the disk."""
    write_image, write_transform, flush = sitk.WriteImage, sitk.WriteTransform, os.fsync

    def image(array: Any, name: str, *arguments: Any, **options: Any) -> None:
        POINTS.point("write image", name)
        with POINTS.paused():
            write_image(array, name, *arguments, **options)

    def transform(value: Any, name: str) -> None:
        POINTS.point("write transform", name)
        with POINTS.paused():
            write_transform(value, name)

    def to_disk(descriptor: int) -> None:
        POINTS.point("flush", "")
        flush(descriptor)

    patch.setattr(sitk, "WriteImage", image)
    patch.setattr(sitk, "WriteTransform", transform)
    patch.setattr(os, "fsync", to_disk)


def killed_at(number: int) -> Callable[[int, str], None]:
    """The process is ended by force before this change; what was being written is then a stump."""

    def at(point: int, event: str) -> None:
        if point == number:
            POINTS.die()

    return at


def full_from(number: int) -> Callable[[int, str], None]:
    """The disk is full from this change on; removing still works."""

    def at(point: int, event: str) -> None:
        if point >= number and event not in {*_REMOVALS, "os.rename"}:
            if event in ("write image", "write transform"):
                message = "the library could not write"
                raise RuntimeError(message)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return at


def read_only_from(number: int) -> Callable[[int, str], None]:
    """Nothing can be changed any more from this change on."""

    def at(point: int, event: str) -> None:
        if point >= number:
            if event in ("write image", "write transform"):
                message = "the library could not write"
                raise RuntimeError(message)
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    return at


def meanwhile(number: int, other: Callable[[], None], folder: Path) -> Callable[[int, str], None]:
    """Another process does something before this change, or as soon as it need not wait for the lock."""
    done = []

    def at(point: int, event: str) -> None:
        held = lock._OWN.get(os.path.abspath(folder / _LOCK))
        if not done and point >= number and (held is None or held.depth == 0):
            done.append(point)
            with POINTS.paused():
                other()

    return at
