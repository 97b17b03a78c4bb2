"""Progress on standard error: a bar for each stage in a terminal, a line for each stage in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..engine.progress import Progress
from ..engine.study.study_progress import Report
from ..engine.study.study_progress import StudyProgress


@contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Progress | None]:
    """Yield a progress callback that draws a bar, or prints a line, for each stage; None where it is unwanted."""
    if not shown:
        yield None
        return
    tqdm = _tqdm()
    if tqdm is None:
        yield _stage_lines()
        return
    bars: dict[str, Any] = {}

    def report(stage: str, fraction: float) -> None:
        if stage not in bars:
            for bar in bars.values():
                bar.close()
            bars.clear()
            layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            bars[stage] = tqdm(total=1.0, desc=stage, bar_format=layout, leave=True, dynamic_ncols=True)
        bar = bars[stage]
        bar.update(min(max(fraction, 0.0), 1.0) - bar.n)

    try:
        yield report
    finally:
        for bar in bars.values():
            bar.close()


@contextmanager
def cohort_bar(*, shown: bool = True) -> Iterator[Report | None]:
    """Yield a callback that shows how far a cohort is: in a bar, or in a line for each patient that is done."""
    if not shown:
        yield None
        return
    tqdm = _tqdm()
    if tqdm is None:
        yield _patient_lines()
        return
    with tqdm(total=1.0, bar_format="{percentage:3.0f}%|{bar:20}| {desc}", dynamic_ncols=True) as bar:

        def report(state: StudyProgress) -> None:
            bar.set_description_str(str(state), refresh=False)
            bar.update(state.steps_done / max(1, state.steps) - bar.n)

        yield report


def _stage_lines() -> Progress:
    latest = ""

    def report(stage: str, _fraction: float) -> None:
        nonlocal latest
        if stage != latest:
            _print_line(stage)
        latest = stage

    return report


def _patient_lines() -> Report:
    done = 0

    def report(state: StudyProgress) -> None:
        nonlocal done
        if state.patients_done > done:
            _print_line(str(state))
        done = state.patients_done

    return report


def _print_line(text: str) -> None:
    # A log is read while the work goes on.
    print(text, file=sys.stderr, flush=True)


def _tqdm() -> Any:
    """The class of bars; None in a log, where each update would be a line, and where it is not installed."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
