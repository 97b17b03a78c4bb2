"""Progress bars on standard error, one for each stage of the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..engine.progress import Progress
from ..engine.study.study_progress import Report
from ..engine.study.study_progress import StudyProgress


@contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Progress | None]:
    """Yield a progress callback that draws a bar for each stage; None where bars are unwanted or tqdm is missing."""
    tqdm = _tqdm() if shown else None
    if tqdm is None:
        yield None
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
    """Yield a callback that shows how many patients of a cohort are done and how long the rest takes."""
    tqdm = _tqdm() if shown else None
    if tqdm is None:
        yield None
        return
    with tqdm(total=1.0, bar_format="{percentage:3.0f}%|{bar:20}| {desc}", dynamic_ncols=True) as bar:

        def report(state: StudyProgress) -> None:
            bar.set_description_str(str(state), refresh=False)
            bar.update(state.steps_done / max(1, state.steps) - bar.n)

        yield report


def _tqdm() -> Any:
    """The class of bars; None where it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
