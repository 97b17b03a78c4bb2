"""How far a training is: a bar with the loss in a terminal, a line at its beginning and at its end in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

AVERAGED = 25


class Trained(Protocol):
    """What a training tells of itself."""

    iteration: int
    losses: list[float]


@contextmanager
def training_bar(name: str, iterations: int) -> Iterator[Callable[[Trained], None]]:
    """Yield what a training calls after every iteration; losses are averaged over the latest iterations."""
    loss = ""

    def report(training: Trained) -> None:
        nonlocal loss
        latest = training.losses[-AVERAGED:]
        loss = f"{sum(latest) / len(latest):.3f}"
        bar.n = training.iteration
        bar.set_postfix(loss=loss)

    # None: no bar where standard error is a log.
    with tqdm(total=iterations, desc=name, disable=None) as bar:
        if bar.disable:
            print(f"{name}: {iterations} iterations", file=sys.stderr, flush=True)
        yield report
        if bar.disable and loss:
            print(f"{name}: loss {loss}", file=sys.stderr, flush=True)
