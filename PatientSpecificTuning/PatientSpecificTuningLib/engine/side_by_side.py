"""Independent steps at the same time, each in a thread of its own: for libraries that leave cores idle."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from .errors import Cancelled
from .progress import Progress
from .progress import together

Outcome = TypeVar("Outcome")


class _EndedEarlyError(Cancelled):
    """A step was ended because another one failed, which is what the caller hears of."""


def side_by_side(
    steps: Sequence[Callable[[Progress], Outcome]], progress: Progress | None = None
) -> list[Outcome]:
    """Run steps at the same time and wait for all of them.

    Where one fails or is cancelled, the others end when they next tell their progress, and its error is raised.

    Args:
        steps: each is given what it must tell its progress to.
        progress: told the mean of their fractions.
    """
    failed = Event()

    def run(step: Callable[[Progress], Outcome], report: Progress | None) -> Outcome:
        try:
            return step(_until(failed, report))
        except BaseException:
            failed.set()
            raise

    own, *others = zip(steps, together(progress, len(steps)), strict=True)
    with ThreadPoolExecutor(max(1, len(others))) as threads:
        running = [threads.submit(run, *other) for other in others]
        try:
            return [run(*own), *(step.result() for step in running)]
        except _EndedEarlyError as early:
            errors = (step.exception() for step in running)
            # All ended early where this is itself one of several steps.
            raise next((e for e in errors if e and not isinstance(e, _EndedEarlyError)), early) from None
        except BaseException:
            # Also an interrupt while this thread only waits.
            failed.set()
            raise


def _until(failed: Event, progress: Progress | None) -> Progress:
    def report(stage: str, fraction: float) -> None:
        if failed.is_set():
            message = "The step beside this one ended early."
            raise _EndedEarlyError(message)
        if progress is not None:
            progress(stage, fraction)

    return report
