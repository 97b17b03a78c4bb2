"""What tuning beyond the paper brings on phantom patients: lesion-wise weights, and further examinations.

Two proposed slices of the baseline are corrected as the known lesions say; each way of tuning is judged on the
follow-up. The earlier examination adds two proposed slices of its own, so four slices of the baseline alone are the
fair comparison for it. Cases are kept in --work and shared with change_cases.py.

    python Testing/environment.py Testing/Benchmarks/beyond.py --work FOLDER --phantoms 8
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from change_cases import FIRST_PHANTOM
from change_cases import lesion_metrics
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from phantom_cases import PhantomCase
from phantom_cases import phantom_case

SLICES = 2
MEASURES = ("dice", "avd", "recall", "f1")


def variants(phantom: PhantomCase) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Name, settings of tuning and corrected slices of the baseline."""
    yield "2 slices", {}, SLICES
    yield "2 slices, lesion-wise", {"weighting": "lesions"}, SLICES
    yield "4 slices", {}, 2 * SLICES
    yield "2 slices and 2 of the earlier examination", {"also": [phantom.earlier]}, SLICES


def judged(phantom: PhantomCase) -> Iterator[dict[str, Any]]:
    """Metrics of the follow-up for the base CNN and every way of tuning."""
    base = workflow.segment(phantom.case, weights="base", repetitions=0)
    yield _row(phantom, "base", base)
    corrected(phantom.earlier, phantom.lesions("earlier"), SLICES)
    for name, settings, slices in variants(phantom):
        corrected(phantom.case, phantom.lesions("baseline"), slices)
        workflow.tune(phantom.case, **settings)
        yield _row(phantom, name, workflow.segment(phantom.case, repetitions=0))


def corrected(case: Case, lesions: Path, slices: int) -> None:
    """Correct the slices that are proposed, as the known lesions say."""
    proposals = workflow.propose(case, count=slices)
    workflow.annotate(case, lesions, slices=[proposal.slice for proposal in proposals])


def _row(phantom: PhantomCase, name: str, result: workflow.Result) -> dict[str, Any]:
    known = phantom.lesions("followup")
    return {"case": phantom.name, "tuning": name, **lesion_metrics(result, known, phantom.judged)}


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One line for each way of tuning: means, lesions below 100 mm3, and in how many patients Dice rose and fell."""
    lines = [
        "| tuning | Dice | AVD % | TPR | F1 | lesions below 100 mm3 | Dice above / below 2 slices by .005 |",
        "|---|---|---|---|---|---|---|",
    ]
    usual = {row["case"]: row["lesions"]["dice"] for row in rows if row["tuning"] == f"{SLICES} slices"}
    for name in dict.fromkeys(row["tuning"] for row in rows):
        chosen = [row for row in rows if row["tuning"] == name]
        means = [float(np.mean([row["lesions"][measure] for row in chosen])) for measure in MEASURES]
        small = f"{sum(row['small_found'] for row in chosen)} of {sum(row['small'] for row in chosen)}"
        gains = [row["lesions"]["dice"] - usual[row["case"]] for row in chosen]
        moved = f"{sum(gain > 0.005 for gain in gains)} / {sum(gain < -0.005 for gain in gains)}"
        figures = f"{means[0]:.3f} | {means[1]:.0f} | {means[2]:.2f} | {means[3]:.2f}"
        lines.append(f"| {name} | {figures} | {small} | {moved} |")
    return "\n".join(lines)


def main() -> None:
    """Judge every way of tuning on as many phantoms as asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="where cases and figures are kept")
    parser.add_argument("--phantoms", type=int, default=8, help="how many phantom patients")
    parser.add_argument("--first", type=int, default=FIRST_PHANTOM, help="number of the first one")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for number in range(options.first, options.first + options.phantoms):
        rows += judged(phantom_case(options.work, number))
        (options.work / "beyond.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print(as_markdown(rows), flush=True)


if __name__ == "__main__":
    main()
