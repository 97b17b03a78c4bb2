"""From the outcomes of all patients to the figures of every table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from .published import PUBLISHED
from .published import PUBLISHED_OTHER
from .significance import Significance
from .statistics import WILCOXON
from .statistics import Comparison
from .statistics import Summary
from .statistics import compare
from .statistics import corrected
from .statistics import summarize
from .table_plan import Column
from .table_plan import PlannedTable

Outcomes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By setting, then by patient, what `experiment.measure` wrote."""


@dataclass(frozen=True)
class Cell:
    """A measure of one CNN.

    Attributes:
        text: as printed, without marks.
        comparison: with the base CNN, None in its own row.
        p: corrected as the study says.
        significant: p is below the level of the study.
        best: no other row is better, and not all are alike.
        published: the centre that the paper gives, None where it gives none.
        direction: of the change against the base CNN, "same" as in the paper, "opposite", "no change here" or
            "no change in the paper"; None where there is nothing to compare.
    """

    text: str
    summary: Summary
    comparison: Comparison | None
    p: float | None
    significant: bool
    best: bool
    published: float | None
    direction: str | None


@dataclass(frozen=True)
class TableRow:
    """One CNN: its key, label and setting, and a cell for each column."""

    key: str
    label: str
    setting: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """One table with all its figures."""

    key: str
    title: str
    task: str
    test: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return asdict(self)


def build_table(
    plan: PlannedTable,
    outcomes: Outcomes,
    patients: Sequence[str],
    significance: Significance,
) -> Table:
    """The figures of one table; p values are corrected for the comparisons of this table.

    Args:
        patients: whose outcomes count, in one order for all settings.
    """
    values = {
        (row.key, column.key): metric_values(outcomes, row.setting.name, patients, column.key)
        for row in plan.rows
        for column in plan.columns
    }
    comparisons = {
        (row.key, column.key): compare(values["base", column.key], values[row.key, column.key], plan.test)
        for row in plan.rows[1:]
        for column in plan.columns
    }
    p_values = dict(
        zip(comparisons, corrected([c.p for c in comparisons.values()], significance.correction), strict=True)
    )
    summaries = {key: summarize(found) for key, found in values.items()}
    best = {column.key: _best(summaries, column, plan) for column in plan.columns}
    rows = []
    for row in plan.rows:
        cells = {}
        for column in plan.columns:
            key = row.key, column.key
            p = p_values.get(key)
            printed = rounded_centre(summaries[key], plan.test, column)
            published = _published(plan, row.key, column.key)
            cells[column.key] = Cell(
                text=printed_summary(summaries[key], plan.test, column),
                summary=summaries[key],
                comparison=comparisons.get(key),
                p=p,
                significant=p is not None and p < significance.alpha,
                best=printed is not None and printed == best[column.key],
                published=published,
                direction=_direction(plan, column, summaries, row.key, published),
            )
        rows.append(TableRow(row.key, row.label, row.setting.name, cells))
    return Table(plan.key, plan.title, plan.task, plan.test, plan.columns, tuple(rows))


def metric_values(
    outcomes: Outcomes, setting: str, patients: Sequence[str], metric: str
) -> list[float | None]:
    """A metric of every patient in a setting; None where it is undefined or was not measured."""
    found = [(outcomes.get(setting, {}).get(patient) or {}).get("measures") for patient in patients]
    return [None if measures is None else measures["metrics"][metric] for measures in found]


def centre(summary: Summary, test: str) -> float | None:
    """The median where ranks are tested, otherwise the mean."""
    return summary.median if test == WILCOXON else summary.mean


def rounded_centre(summary: Summary, test: str, column: Column) -> float | None:
    """The centre as it is printed."""
    value = centre(summary, test)
    return None if value is None else round(value, column.digits)


def printed_summary(summary: Summary, test: str, column: Column) -> str:
    """Median [interquartile range] or mean ± standard deviation; n/a where nothing is defined."""
    if summary.n == 0:
        return "n/a"
    d = column.digits
    if test == WILCOXON:
        return f"{summary.median:.{d}f} [{summary.q1:.{d}f}-{summary.q3:.{d}f}]"
    spread = "n/a" if summary.sd is None else f"{summary.sd:.{d}f}"
    return f"{summary.mean:.{d}f} ± {spread}"


def _best(summaries: Mapping[tuple[str, str], Summary], column: Column, plan: PlannedTable) -> float | None:
    centres = [rounded_centre(summaries[row.key, column.key], plan.test, column) for row in plan.rows]
    defined = [value for value in centres if value is not None]
    # Where all are alike, none is the best.
    if len(set(defined)) < 2:
        return None
    return max(defined) if column.higher_is_better else min(defined)


def _published(plan: PlannedTable, row: str, column: str) -> float | None:
    if plan.key in ("challenge", "sizes"):
        return PUBLISHED_OTHER[plan.task].get(row, {}).get(column)
    return PUBLISHED[plan.key].get(row, {}).get(column)


def _direction(
    plan: PlannedTable,
    column: Column,
    summaries: Mapping[tuple[str, str], Summary],
    row: str,
    published: float | None,
) -> str | None:
    here = [rounded_centre(summaries[key, column.key], plan.test, column) for key in ("base", row)]
    there = [_published(plan, "base", column.key), published]
    if row == "base" or None in here or None in there:
        return None
    changes = [_sign(float(after or 0) - float(before or 0)) for before, after in (here, there)]
    if changes[0] == changes[1]:
        return "same"
    if changes[1] == 0:
        return "no change in the paper"
    return "no change here" if changes[0] == 0 else "opposite"


def _sign(value: float) -> int:
    return 0 if math.isclose(value, 0, abs_tol=1e-9) else int(math.copysign(1, value))
