"""How long work tells where it is."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[str, float], None]
"""Called with the stage in words and the fraction of it that is done, from 0 to 1."""
Seen = Callable[[int, NDArray[np.bool_]], None]
"""Called with a slice of a scan and what the CNN finds on it, bool (Y, X), as soon as that is known."""


def within(progress: Progress | None, prefix: str) -> Progress | None:
    """A callback whose stages start with `prefix`, such as which of two examinations they belong to."""
    if progress is None:
        return None
    return lambda stage, fraction: progress(f"{prefix}: {stage}", fraction)


def part(progress: Progress | None, first: float, last: float, stage: str | None = None) -> Progress | None:
    """A callback for one of several steps, whose own 0 to 1 is `first` to `last` of the whole.

    Args:
        stage: what the whole is called; None keeps the name of each step.
    """
    if progress is None:
        return None
    return lambda name, fraction: progress(stage or name, first + fraction * (last - first))


def together(progress: Progress | None, count: int) -> list[Progress | None]:
    """Callbacks for steps that run at the same time in threads; the mean of their fractions is told, one at a time."""
    if progress is None:
        return [None] * count
    told, fractions, lock = progress, [0.0] * count, Lock()

    def of_step(number: int) -> Progress:
        def report(stage: str, fraction: float) -> None:
            with lock:
                fractions[number] = fraction
                told(stage, sum(fractions) / count)

        return report

    return [of_step(number) for number in range(count)]
