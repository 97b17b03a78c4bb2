"""What the panel does itself, in small steps: one in each turn of the event loop, so that the window answers in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from typing import Any

import qt

Steps = Generator[None, None, Any]
SECONDS_IN_A_TURN = 0.005


def atOnce(steps: Steps) -> Any:
    """Do all steps now, and return what the generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def aside(work: Callable[[], Any]) -> Steps:
    """Let a thread do what touches neither Qt nor the scene, and return what it returns; each turn waits for a moment.

    NumPy and SciPy let other threads go on while they compute.
    """
    with ThreadPoolExecutor(max_workers=1) as threads:
        done = threads.submit(work)
        while not done.done():
            wait([done], timeout=SECONDS_IN_A_TURN)
            yield
        return done.result()


class Turns:
    """A queue of generators; what lies between two `yield` is one step.

    Args:
        ended: called when a generator came to its end.
        failed: called with what a step raised; what waits behind it is dropped, since it builds on it.
    """

    def __init__(self, ended: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._ended, self._failed = ended, failed
        self._waiting: deque[Steps] = deque()
        self._isStepping = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._step)

    @property
    def isBusy(self) -> bool:
        """Whether anything is still to be done."""
        return bool(self._waiting)

    def take(self, steps: Steps) -> None:
        """Do these steps after those that wait already."""
        self._waiting.append(steps)
        self._goOn()

    def drop(self) -> bool:
        """Do no further step, and let each generator clean up behind itself; returns whether anything was dropped."""
        dropped, self._waiting = self._waiting, deque()
        self._timer.stop()
        for steps in dropped:
            # The one that is in the middle of a step ends with that step.
            if not steps.gi_running:
                steps.close()
        return bool(dropped)

    def _goOn(self) -> None:
        if self._waiting and not self._isStepping:
            self._timer.start()

    def _step(self) -> None:
        # A step that lets the application live must not be entered again.
        if self._isStepping or not self._waiting:
            return
        steps, self._isStepping = self._waiting[0], True
        try:
            next(steps)
        except StopIteration:
            if self._waiting and self._waiting[0] is steps:
                self._waiting.popleft()
                self._ended()
        except Exception as error:
            self.drop()
            self._failed(error)
        finally:
            self._isStepping = False
            if not any(waiting is steps for waiting in self._waiting) and not steps.gi_running:
                steps.close()
        self._goOn()
