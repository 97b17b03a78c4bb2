"""How long work tells where it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the stage in words and the fraction of it that is done, from 0 to 1."""


def within(progress: Progress | None, prefix: str) -> Progress | None:
    """A callback whose stages start with `prefix`, such as which of two examinations they belong to."""
    if progress is None:
        return None
    return lambda stage, fraction: progress(f"{prefix}: {stage}", fraction)
