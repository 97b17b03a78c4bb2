"""How far a study is: patients and settings done, and the time that is left, told to people and to a file."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..files.atomic import write_text

PROGRESS_NAME = "progress.json"
# About two patients: what was there already when the study went on takes no time and soon counts no more.
RECENT_STEPS = 24


@dataclass(frozen=True)
class StudyProgress:
    """Where a study is.

    Attributes:
        steps: preparations and measurements together.
        seconds_left: by the mean time of the latest steps, None before the first.
    """

    patients_done: int
    patients: int
    steps_done: int
    steps: int
    failures: int
    seconds_left: float | None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", about {_duration(self.seconds_left)} left"
        failed = f", {self.failures} failed" if self.failures else ""
        return f"{self.patients_done} of {self.patients} patients, {self.steps_done} of {self.steps} steps{failed}{left}"


Report = Callable[[StudyProgress], None]


class ProgressRecord:
    """Counts what is done and tells `report` and progress.json in the folder after every step."""

    def __init__(self, folder: Path, patients: int, steps: int, report: Report | None) -> None:
        self.path = Path(folder) / PROGRESS_NAME
        self.patients, self.steps, self.report = patients, steps, report
        self.patients_done = self.steps_done = self.failures = 0
        self.times = deque([time.monotonic()], maxlen=RECENT_STEPS)

    def step(self) -> None:
        """A preparation or a measurement is done."""
        self.steps_done += 1
        self.times.append(time.monotonic())
        self._tell()

    def patient(self, failures: int) -> None:
        """A patient is complete."""
        self.patients_done += 1
        self.failures += failures
        self._tell()

    def _tell(self) -> None:
        left = None
        if len(self.times) > 1:
            each = (self.times[-1] - self.times[0]) / (len(self.times) - 1)
            left = each * (self.steps - self.steps_done)
        state = StudyProgress(
            self.patients_done, self.patients, self.steps_done, self.steps, self.failures, left
        )
        write_text(self.path, json.dumps(vars(state)) + "\n")
        if self.report is not None:
            self.report(state)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
