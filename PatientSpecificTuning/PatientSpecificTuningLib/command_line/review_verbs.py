"""What the verbs that surround a result do: verdict, decide, dates, register, report and export."""

from __future__ import annotations

from typing import Any

from ..engine.progress import Progress
from .verbs import Answer
from .verbs import Options


def verdict(options: Options, progress: Progress | None) -> Answer:
    """Say whether the tuned CNN is better."""
    from ..engine import review

    found = review.judge(options.case, number=options.tuned, progress=progress)
    answer = {name: found[name] for name in ("sentence", "recommended", "base", "tuned", "slices", "seconds")}
    injected = found["injected"]
    return answer if injected is None else {**answer, "injected": injected["rows"]}


def decide(options: Options, progress: Progress | None) -> Answer:
    """Record a decision."""
    from ..engine import review

    del progress
    return review.decide(options.case, options.choice, by=options.by, number=options.tuned)


def dates(options: Options, progress: Progress | None) -> Answer:
    """Take the dates of the examinations into the case."""
    from ..engine import review

    del progress
    case = review.set_dates(options.case, baseline=options.baseline, followup=options.followup)
    return case.dates.as_dict()


def register(options: Options, progress: Progress | None) -> Answer:
    """Take a transform into the case, or find it anew."""
    from ..engine import review

    del progress
    known: dict[str, Any] = review.set_registration(options.case, options.transform).as_dict()
    return known


def report(options: Options, progress: Progress | None) -> Answer:
    """Write the report of a result."""
    from ..engine import review

    return dict(review.report(options.case, number=options.result, output=options.output, progress=progress))


def export(options: Options, progress: Progress | None) -> Answer:
    """Write a result as DICOM."""
    from ..engine import review

    del progress
    return dict(review.export(options.case, options.dicom, number=options.result))
