"""A plain Python signal; Qt's own, made from Python, has crashed applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Signal:
    """Calls every connected slot, in the order of connection."""

    def __init__(self) -> None:
        self._slots: list[Callable[..., Any]] = []

    def connect(self, slot: Callable[..., Any]) -> None:
        """Call `slot` from now on."""
        self._slots.append(slot)

    def disconnect(self, slot: Callable[..., Any]) -> None:
        """Call `slot` no more; one that is not connected is no error."""
        self._slots = [kept for kept in self._slots if kept != slot]

    def __call__(self, *arguments: Any) -> None:
        """Emit."""
        for slot in list(self._slots):
            slot(*arguments)
