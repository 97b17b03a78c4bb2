"""What a value from JSON must be: each function returns it, or says in a few words that it is something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import TypeVar

T = TypeVar("T")
LONGEST_TEXT = 10_000
LARGEST_NUMBER = 1e12


def text(value: Any, *, longest: int = LONGEST_TEXT) -> str:
    """A text.

    Raises:
        ValueError: it is none, or too long.
    """
    if not isinstance(value, str) or len(value) > longest:
        message = f"{_shown(value)} is no text of up to {longest} characters"
        raise ValueError(message)
    return value


def integer(value: Any, low: float = -LARGEST_NUMBER, high: float = LARGEST_NUMBER) -> int:
    """A whole number from `low` to `high`.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        message = f"{_shown(value)} is no whole number from {low:g} to {high:g}"
        raise ValueError(message)
    return value


def number(value: Any, low: float = -LARGEST_NUMBER, high: float = LARGEST_NUMBER) -> float:
    """A number from `low` to `high`.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        message = f"{_shown(value)} is no number from {low:g} to {high:g}"
        raise ValueError(message)
    if not math.isfinite(value):
        message = f"{_shown(value)} is not finite"
        raise ValueError(message)
    return float(value)


def number_or_none(value: Any) -> float | None:
    """A number, or None where there is none.

    Raises:
        ValueError: it is something else.
    """
    return None if value is None else number(value)


def choice(value: Any, allowed: Iterable[str]) -> str:
    """One of some texts.

    Raises:
        ValueError: it is none of them.
    """
    names = list(allowed)
    if value not in names:
        message = f"{_shown(value)} is none of {', '.join(names)}"
        raise ValueError(message)
    return str(value)


def truth(value: Any) -> bool:
    """True or false.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, bool):
        message = f"{_shown(value)} is neither true nor false"
        raise ValueError(message)
    return value


def entries(value: Any, of: Callable[[Any], T], *, count: int | None = None) -> tuple[T, ...]:
    """A list, each entry as `of` gives it.

    Raises:
        ValueError: it is no list, has another number of entries than `count`, or an entry is wrong.
    """
    if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
        expected = "" if count is None else f" of {count}"
        message = f"{_shown(value)} is no list{expected}"
        raise ValueError(message)
    return tuple(of(entry) for entry in value)


def fields(value: Any, of: Callable[[Any], T]) -> dict[str, T]:
    """An object, each value as `of` gives it.

    Raises:
        ValueError: it is no object, or a value is wrong.
    """
    if not isinstance(value, dict):
        message = f"{_shown(value)} is no object"
        raise ValueError(message)
    return {text(name): of(entry) for name, entry in value.items()}


def anything(value: Any) -> Any:
    """Whatever it is."""
    return value


def _shown(value: Any) -> str:
    shown = f"{type(value).__name__}" if isinstance(value, dict | list | tuple) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
