"""Progress of the long steps of ITK, which end as soon as the callback raises."""

from __future__ import annotations

import sys
from typing import Any

import SimpleITK as sitk

from ..progress import Progress

IteratingStep = sitk.N4BiasFieldCorrectionImageFilter | sitk.ImageRegistrationMethod


def execute(
    step: IteratingStep, *images: sitk.Image, stage: str, iterations: int, progress: Progress | None
) -> Any:
    """Run `step` on `images` and tell after each iteration how far it is.

    Args:
        stage: what the callback is told.
        iterations: how many there are at most.

    Raises:
        Exception: what `progress` raised, which ends the step.
    """
    if progress is None:
        return step.Execute(*images)
    watch = _Watch(progress, stage, iterations)
    step.AddCommand(sitk.sitkIterationEvent, watch)
    hook = sys.excepthook
    try:
        return step.Execute(*images)
    except RuntimeError:
        if watch.raised is None:
            raise
        raise watch.raised from None
    finally:
        sys.excepthook = hook
        step.RemoveAllCommands()


class _Watch:
    """Counts iterations and keeps what the callback raised, since ITK turns it into an error of its own."""

    def __init__(self, progress: Progress, stage: str, iterations: int) -> None:
        self.raised: BaseException | None = None
        self._progress = progress
        self._stage = stage
        self._iterations = iterations
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        try:
            self._progress(self._stage, min(1.0, self._done / self._iterations))
        except BaseException as error:
            self.raised = error
            # ITK prints the traceback of what is raised again for the caller anyway.
            sys.excepthook = lambda *_: None
            raise
