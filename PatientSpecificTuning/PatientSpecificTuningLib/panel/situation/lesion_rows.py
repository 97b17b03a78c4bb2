"""The tables of lesions and of change of one result, joined to rows of the panel; pure Python."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...engine.errors import InputError
from ...engine.files.tables import read_table
from ...engine.lesions.comparison import CHANGE_TABLE
from ...engine.lesions.results import LESION_TABLE
from .places import mapped
from .state import LesionRow
from .state import Place
from .words import tr as _

Row = Mapping[str, str]
VANISHED, GROWN_IN_PART = "vanished", "grown in part"
# Nobody calls a lesion grown whose volume differs by less.
LEAST_GROWTH = 1.1


# Slicer looks each word up anew, with the caller's file, and there are hundreds of rows.
@cache
def changeTitle(change: str) -> str:
    """A kind of change as users read it."""
    titles = {
        "new": _("new"),
        "grown": _("grown"),
        "stable": _("stable"),
        "shrunk": _("shrunk"),
        VANISHED: _("vanished"),
        "merged": _("merged"),
        "split": _("split"),
        GROWN_IN_PART: _("grown in part"),
    }
    return titles.get(change, change)


def lesionRows(folder: Path, toBaseline: NDArray[np.float64] | None) -> tuple[LesionRow, ...]:
    """Every lesion of the follow-up with what became of it since the baseline, and the vanished ones.

    Args:
        folder: of the result.
        toBaseline: 4 x 4, brings places of the follow-up to the baseline, RAS mm; None while that is unknown.
    """
    lesions = {row["label"]: row for row in _table(folder / LESION_TABLE, "label")}
    changes = _table(folder / CHANGE_TABLE, "change", "baseline_labels", "followup_labels")
    if not changes:
        return tuple(_unchanged(lesion, toBaseline) for lesion in lesions.values())
    return tuple(_changed(number, row, lesions, toBaseline) for number, row in enumerate(changes, start=1))


def _unchanged(lesion: Row, toBaseline: NDArray[np.float64] | None) -> LesionRow:
    place = _place(lesion, "")
    return LesionRow(
        key=lesion["label"],
        label=lesion["label"],
        change="",
        changeTitle="",
        beforeMm3=None,
        afterMm3=_number(lesion, "volume_mm3"),
        growth=None,
        probability=_number(lesion, "mean_probability"),
        uncertainty=_number(lesion, "mean_sd"),
        baselinePlace=None if place is None else mapped(toBaseline, place),
        followupPlace=place,
    )


def _changed(
    number: int, row: Row, lesions: Mapping[str, Row], toBaseline: NDArray[np.float64] | None
) -> LesionRow:
    labels = row["followup_labels"].split()
    known = [lesions[label] for label in labels if label in lesions]
    largest = max(known, key=lambda lesion: _number(lesion, "volume_mm3") or 0.0, default={})
    place = _place(row, "followup_") or _place(largest, "")
    before, after = _number(row, "baseline_volume_mm3"), _number(row, "followup_volume_mm3")
    baselinePlace = _place(row, "baseline_")
    if baselinePlace is None and place is not None:
        baselinePlace = mapped(toBaseline, place)
    return LesionRow(
        key=f"change {number}",
        label=" + ".join(labels) if labels else "\u2013",
        change=row["change"],
        changeTitle=_titleOf(row["change"], before, after),
        beforeMm3=before if row["baseline_labels"] else None,
        afterMm3=after if labels else None,
        growth=after / before - 1 if before and after and labels else None,
        probability=_number(largest, "mean_probability"),
        uncertainty=_number(largest, "mean_sd"),
        baselinePlace=baselinePlace,
        followupPlace=place,
        isSure={"1": True, "0": False}.get(row.get("sure", "")),
        changeProbability=_number(row, "probability"),
    )


def _titleOf(change: str, before: float | None, after: float | None) -> str:
    """A kind of change; a lesion that is no larger as a whole can have surely new tissue on one side."""
    isLarger = before is None or after is None or after > LEAST_GROWTH * before
    return changeTitle(change) if change != "grown" or isLarger else changeTitle(GROWN_IN_PART)


def _place(row: Row, prefix: str) -> Place | None:
    """RAS of the columns in LPS; None where they are absent or empty."""
    left, posterior, superior = (_number(row, f"{prefix}{axis}_mm") for axis in "xyz")
    if left is None or posterior is None or superior is None:
        return None
    return -left, -posterior, superior


def _number(row: Row, name: str) -> float | None:
    try:
        value = float(row.get(name) or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _table(path: Path, *needed: str) -> list[dict[str, str]]:
    """The rows of a table, none where it is absent.

    Raises:
        InputError: it is damaged.
    """
    if not path.is_file():
        return []
    try:
        rows = read_table(path)
        if any(row.get(name) is None for row in rows for name in needed):
            raise ValueError(", ".join(needed))
    except (OSError, ValueError) as error:
        message = _("{file} is damaged; remove this result and find lesions again.").format(file=path)
        raise InputError(message) from error
    return rows
