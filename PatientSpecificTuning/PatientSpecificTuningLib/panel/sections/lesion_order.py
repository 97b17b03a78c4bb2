"""In which order the table shows lesions, and which; pure Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..situation.state import LesionRow

STABLE = "stable"
# The order of the table's columns.
VALUES = (
    lambda row: [int(number) for number in re.findall(r"\d+", row.label)],
    lambda row: row.changeTitle,
    lambda row: row.beforeMm3,
    lambda row: row.afterMm3,
    lambda row: row.growth,
    lambda row: row.uncertainty,
)


def kept(rows: Sequence[LesionRow], change: str, smallestMm3: float) -> list[LesionRow]:
    """The lesions of one kind of change, "" for all, that were or are at least so large."""
    return [
        row
        for row in rows
        if change in ("", row.change) and max(row.beforeMm3 or 0, row.afterMm3 or 0) >= smallestMm3
    ]


def isDoubtful(row: LesionRow) -> bool:
    """Whether the change is no larger than measuring again may show."""
    return row.isSure is False and row.change != STABLE


def apart(rows: Sequence[LesionRow]) -> tuple[list[LesionRow], list[LesionRow]]:
    """Lesions that changed surely or not at all, and those whose change is doubtful."""
    return [row for row in rows if not isDoubtful(row)], [row for row in rows if isDoubtful(row)]


def ordered(rows: Sequence[LesionRow], column: int, descending: bool) -> list[LesionRow]:
    """Rows sorted by a column, those without a value last; as they come where `column` is negative."""
    if column < 0:
        return list(rows)
    value = VALUES[column]

    def known(row: LesionRow) -> bool:
        found: Any = value(row)
        return found is not None and found != []

    with_value = sorted(filter(known, rows), key=value, reverse=descending)
    return with_value + [row for row in rows if not known(row)]
