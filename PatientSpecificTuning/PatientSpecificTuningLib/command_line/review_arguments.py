"""The arguments of the verbs that surround a result: verdict, decide, dates, register, report and export."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from . import review_verbs


def review_arguments(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verbs.

    Args:
        verb: makes the parser of one verb from its name, its function and what it does.
    """
    verdict = verb("verdict", review_verbs.verdict, "say whether the tuned CNN is better than the base CNN")
    _case_and_tuned(verdict)
    decide = verb("decide", review_verbs.decide, "record whether the base or the tuned CNN is to be used")
    _case_and_tuned(decide)
    decide.add_argument("choice", choices=("base", "tuned"), help="the CNN that is to be used")
    decide.add_argument("--by", default="", metavar="NAME", help="who decided")
    dates = verb("dates", review_verbs.dates, "say when the examinations were made, for change per year")
    _case(dates)
    dates.add_argument("--baseline", metavar="DATE", help="date of the baseline, such as 2020-01-31")
    dates.add_argument("--followup", metavar="DATE", help="date of the follow-up")
    register = verb("register", review_verbs.register, "say how the examinations lie to each other")
    _case(register)
    register.add_argument(
        "--transform",
        type=Path,
        metavar="PATH",
        help="an ITK transform from points of the follow-up to points of the baseline; without it the transform is"
        " found anew",
    )
    report = verb("report", review_verbs.report, "write one page about a result: what changed, and how sure")
    _case(report)
    report.add_argument("--result", default="current", help="current, or the number of a result")
    report.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the HTML file; by default report.html in the result's folder",
    )
    export = verb(
        "export", review_verbs.export, "write the lesions of a result and their measurements as DICOM"
    )
    _case(export)
    export.add_argument("--result", default="current", help="current, or the number of a result")
    export.add_argument(
        "--dicom",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where lesions.dcm (segmentation) and measurements.dcm (structured report, TID 1500) go",
    )


def _case(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", type=Path, help="the case folder")


def _case_and_tuned(command: argparse.ArgumentParser) -> None:
    _case(command)
    command.add_argument("--tuned", default="current", help="current, or the number of a tuned version")
