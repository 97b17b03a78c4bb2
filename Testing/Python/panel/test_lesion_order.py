"""The table of lesions: which it shows and in which order; without Slicer."""

from __future__ import annotations

from PatientSpecificTuningLib.panel.sections.lesion_order import apart
from PatientSpecificTuningLib.panel.sections.lesion_order import kept
from PatientSpecificTuningLib.panel.sections.lesion_order import ordered
from PatientSpecificTuningLib.panel.situation.state import LesionRow

LESION, CHANGE, BEFORE, AFTER, GROWTH, UNCERTAINTY = range(6)


def _row(label: str, change: str, before: float | None, after: float | None, **more) -> LesionRow:
    values = {"growth": None, "probability": None, "uncertainty": None, **more}
    return LesionRow(
        label, label, change, change, before, after, baselinePlace=None, followupPlace=None, **values
    )


ROWS = (
    _row("10", "grown", 100.0, 200.0, growth=1.0, uncertainty=0.2),
    _row("2 + 5", "merged", 80.0, 70.0, growth=-0.125, uncertainty=0.1),
    _row("2", "new", None, 30.0, uncertainty=0.3),
    _row("\u2013", "vanished", 40.0, None),
)


def _labels(rows) -> list[str]:
    return [row.label for row in rows]


def test_a_vanished_lesion_counts_by_what_it_was() -> None:
    assert _labels(kept(ROWS, "", 35)) == ["10", "2 + 5", "\u2013"]


def test_one_kind_of_change_can_be_looked_at_alone() -> None:
    assert _labels(kept(ROWS, "new", 0)) == ["2"]


def test_lesions_are_sorted_by_number_not_by_letters() -> None:
    assert _labels(ordered(ROWS, LESION, descending=False)) == ["2", "2 + 5", "10", "\u2013"]


def test_lesions_without_a_value_come_last_whichever_way_is_sorted() -> None:
    assert _labels(ordered(ROWS, BEFORE, descending=False)) == ["\u2013", "2 + 5", "10", "2"]
    assert _labels(ordered(ROWS, BEFORE, descending=True)) == ["10", "2 + 5", "\u2013", "2"]
    assert _labels(ordered(ROWS, UNCERTAINTY, descending=True))[0] == "2"


def test_the_order_of_the_result_stays_until_a_heading_is_clicked() -> None:
    assert ordered(ROWS, -1, descending=False) == list(ROWS)


def test_doubtful_changes_are_told_from_sure_ones_and_from_stable_lesions() -> None:
    rows = (
        _row("1", "new", None, 10.0, isSure=False),
        _row("2", "stable", 20.0, 21.0, isSure=False),
        _row("3", "grown", 30.0, 60.0, isSure=True),
        _row("4", "new", None, 10.0),
    )
    sure, doubtful = apart(rows)
    assert [_labels(sure), _labels(doubtful)] == [["2", "3", "4"], ["1"]]
