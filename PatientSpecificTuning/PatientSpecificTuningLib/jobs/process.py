"""What the client needs of a process, so that tests can use a fake and Slicer uses Qt's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .signals import Signal


class Process(Protocol):
    """A process that runs in the background and tells what happens by signals.

    Attributes:
        outputRead: `(data: bytes)` from standard output.
        errorRead: `(data: bytes)` from standard error.
        finished: `(exitCode: int, crashed: bool)`.
        failedToStart: `(reason: str)`.
    """

    outputRead: Signal
    errorRead: Signal
    finished: Signal
    failedToStart: Signal

    def start(self) -> None:
        """Start it."""

    def write(self, data: bytes) -> None:
        """Write to its standard input."""

    def closeInput(self) -> None:
        """Close its standard input, which asks the worker to end."""

    def kill(self) -> None:
        """End it and its children at once."""

    def later(self, milliseconds: int, action: Callable[[], None]) -> None:
        """Call `action` after some time."""
