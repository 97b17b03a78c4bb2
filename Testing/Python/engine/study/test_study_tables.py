"""Tables from outcomes with known figures: centres, tests, marks, the paper beside them, and the three formats."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from PatientSpecificTuningLib.engine.study.design import Design
from PatientSpecificTuningLib.engine.study.published import PUBLISHED
from PatientSpecificTuningLib.engine.study.result_tables import Table
from PatientSpecificTuningLib.engine.study.result_tables import build_table
from PatientSpecificTuningLib.engine.study.significance import Significance
from PatientSpecificTuningLib.engine.study.statistics import T_TEST
from PatientSpecificTuningLib.engine.study.statistics import WILCOXON
from PatientSpecificTuningLib.engine.study.study_report import html_report
from PatientSpecificTuningLib.engine.study.study_report import markdown_report
from PatientSpecificTuningLib.engine.study.table_formats import as_csv
from PatientSpecificTuningLib.engine.study.table_formats import as_html
from PatientSpecificTuningLib.engine.study.table_formats import as_latex
from PatientSpecificTuningLib.engine.study.table_formats import as_markdown
from PatientSpecificTuningLib.engine.study.table_formats import caption
from PatientSpecificTuningLib.engine.study.table_formats import comparison_rows
from PatientSpecificTuningLib.engine.study.table_formats import rows_as_html
from PatientSpecificTuningLib.engine.study.table_formats import rows_as_markdown
from PatientSpecificTuningLib.engine.study.table_plan import planned_tables
from PatientSpecificTuningLib.engine.study.uncertainty_text import found_by_size
from PatientSpecificTuningLib.engine.study.uncertainty_text import uncertainties

DESIGN = Design()
PATIENTS = [f"p{number}" for number in range(1, 9)]
BASE, TUNED, WEIGHTED = "base", "lesion-all-100", "lesion-all-100-weighted"


def _outcome(dice: float | None, avd: float, tpr: float, max_sd: float, found: bool) -> dict:
    metrics = {"dice": dice, "avd": avd, "tpr": tpr, "fpc": 2, "f1": 0.5, "hd95": 3.0, "recall": tpr}
    metrics |= {"tpr_small": tpr, "tpr_large": None}
    lesions = [{"volume_mm3": 5.0, "found": found}, {"volume_mm3": 2000.0, "found": True}]
    uncertainty = {"max_sd": max_sd, "mean_sd_of_detected": None}
    return {
        "undefined": None,
        "measures": {"metrics": metrics, "lesions": lesions, "uncertainty": uncertainty},
    }


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, dict]]:
    """Dice rises a little differently in every patient, TPR rises in all, the weighted CNN changes nothing."""
    base = {
        p: _outcome(0.70 + 0.01 * i, 20.0 + i, 0.5, 0.40 + 0.01 * i, False) for i, p in enumerate(PATIENTS)
    }
    tuned = {p: _outcome(0.80 + 0.012 * i, 21.0 - i, 0.6, 0.30, True) for i, p in enumerate(PATIENTS)}
    tuned["p8"] = _outcome(None, 14.0, 0.7, 0.30, True)
    return {BASE: base, TUNED: tuned, WEIGHTED: base}


def _table(key: str, outcomes: dict, **significance: object) -> Table:
    plan = next(plan for plan in planned_tables(DESIGN, "segmentation", "brain") if plan.key == key)
    return build_table(plan, outcomes, PATIENTS, Significance(**significance))


def _cell(table: Table, row: str, column: str):
    return next(r for r in table.rows if r.key == row).cells[column]


def test_segmentation_shows_means_and_the_paired_t_test_on_complete_pairs(outcomes):
    table = _table("table5", outcomes)
    base, tuned = _cell(table, "base", "dice"), _cell(table, "unweighted", "dice")
    assert table.test == T_TEST
    assert base.text == "0.735 ± 0.024"
    assert (base.comparison, base.significant) == (None, False)
    assert (tuned.summary.n, tuned.comparison.pairs) == (7, 7)
    assert tuned.significant
    assert tuned.best
    assert not base.best


def test_detection_shows_medians_and_the_wilcoxon_test(outcomes):
    table = _table("table3", outcomes)
    tuned = _cell(table, "unweighted", "tpr")
    assert table.test == WILCOXON
    assert tuned.text == "0.60 [0.60-0.60]"
    assert tuned.comparison.p == pytest.approx(2 / 2**8)
    assert tuned.significant


def test_no_difference_at_all_is_no_test_and_no_mark(outcomes):
    weighted = _cell(_table("table5", outcomes), "weighted", "dice")
    assert (weighted.comparison.p, weighted.significant) == (None, False)
    assert weighted.direction == "no change here"


def test_a_correction_counts_the_comparisons_of_one_table(outcomes):
    plain, holm = (_table("table3", outcomes, correction=name) for name in ("none", "holm"))
    assert _cell(holm, "unweighted", "tpr").p == pytest.approx(_cell(plain, "unweighted", "tpr").p)
    # Two p values are defined in this table, both of the tuned CNN against the base CNN.
    both = _table("table5", outcomes, correction="holm")
    smaller, larger = sorted(_cell(both, "unweighted", name).comparison.p for name in ("dice", "avd"))
    corrected = sorted(_cell(both, "unweighted", name).p for name in ("dice", "avd"))
    assert corrected == pytest.approx([2 * smaller, max(larger, 2 * smaller)])


def test_every_change_is_compared_with_the_direction_in_the_paper(outcomes):
    assert _cell(_table("table5", outcomes), "unweighted", "dice").direction == "same"
    assert _cell(_table("table5", outcomes), "unweighted", "dice").published == 0.87
    assert _cell(_table("table1", outcomes), "50 iterations", "tpr").direction is None
    assert _cell(_table("challenge", outcomes), "unweighted", "recall").direction == "opposite"
    assert _cell(_table("challenge", outcomes), "unweighted", "f1").direction == "same"


def test_a_setting_without_any_outcome_is_not_available(outcomes):
    cell = _cell(_table("table4", outcomes), "organ-1", "dice")
    assert (cell.text, cell.summary.n, cell.comparison.pairs, cell.best) == ("n/a", 0, 0, False)


def test_rows_and_published_figures_belong_together():
    for plan in planned_tables(DESIGN, "segmentation", "brain"):
        keys = {row.key for row in plan.rows}
        assert len(keys) == len(plan.rows)
        assert set(PUBLISHED.get(plan.key, {})) <= keys


def test_markdown_marks_the_best_and_the_significant(outcomes):
    table = _table("table5", outcomes)
    lines = as_markdown(table).splitlines()
    assert lines[0] == "| | Dice score | AVD (%) | n |"
    assert lines[3].startswith(r"| FT CNN | **0.836 ± 0.026**\* | **")
    assert lines[3].endswith("| 7, 8 |")
    assert "0.735 ± 0.024 |" in lines[2]
    assert "paired t-test, p < 0.01" in caption(table, Significance())
    assert "holm" in caption(table, Significance(correction="holm"))


def test_csv_has_every_figure_of_every_measure(outcomes):
    table = _table("table5", outcomes)
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert len(rows) == 3 * 2
    tuned = next(r for r in rows if r["setting"] == TUNED and r["measure"] == "dice")
    assert float(tuned["mean"]) == pytest.approx(_cell(table, "unweighted", "dice").summary.mean)
    assert (tuned["n"], tuned["pairs"], tuned["significant"], tuned["paper"]) == ("7", "7", "True", "0.87")


def test_latex_escapes_what_latex_reads_otherwise(outcomes):
    table = _table("table5", outcomes)
    text = as_latex(table, caption(table, Significance()))
    assert r"AVD (\%)" in text
    assert r"\textbf{0.836 $\pm$ 0.026}$^{*}$" in text
    assert text.count(r"\\") == 1 + len(table.rows)
    assert r"cm$^{3}$" in as_latex(_table("sizes", outcomes), "")


def test_html_and_the_comparison_show_the_same_cells(outcomes):
    table = _table("table5", outcomes)
    assert "<td><b>0.836 ± 0.026</b>*</td>" in as_html(table)
    rows = comparison_rows(table)
    assert ["FT CNN", "Dice score", "0.836 ± 0.026*", "0.87", "same"] in rows
    assert r"| FT CNN | Dice score | 0.836 ± 0.026\* | 0.87 | same |" in rows_as_markdown(rows)
    assert "<td>0.836 ± 0.026*</td>" in rows_as_html(rows)


def test_lesions_of_all_patients_are_counted_by_size(outcomes):
    smallest, middle, large = found_by_size(outcomes, PATIENTS, (BASE, TUNED))
    assert smallest[BASE] == {"lesions": 8, "found": 0}
    assert smallest[TUNED] == {"lesions": 8, "found": 8}
    assert middle[BASE] == {"lesions": 0, "found": 0}
    assert large[TUNED] == {"lesions": 8, "found": 8}


def test_the_paragraph_on_uncertainty_tells_both_figures_and_the_test(outcomes):
    detected, largest = uncertainties(outcomes, PATIENTS, BASE, TUNED)
    assert "not defined" in detected.sentence(0.01)
    sentence = largest.sentence(0.01)
    assert "0.435 ± 0.024 for the base CNN and 0.300 ± 0.000" in sentence
    assert "a significant decrease" in sentence
    assert "n = 8; the paper: 0.398 and 0.328" in sentence


FOREIGN = (
    "<img src=x onerror=alert(1)>\n![](http://example.org/a.png) [here](http://example.org) `a` |*b*| \\["
)


@pytest.mark.parametrize("name", ["cohort", "model", "organ", "notes", "left_out", "failures", "undefined"])
def test_whatever_somebody_named_stands_in_a_report_as_text(tmp_path: Path, name: str) -> None:
    lists = {"notes": [FOREIGN], "left_out": [FOREIGN], "failures": [FOREIGN], "undefined": {FOREIGN: ["p1"]}}
    values = {
        "cohort": "c",
        "model": "m",
        "task": "segmentation",
        "organ": "brain",
        "phantom": False,
        "patients": ["p1"],
        "notes": [],
        "left_out": [],
        "failures": [],
        "undefined": {},
        "uncertainty": [],
        "uncertainty_by_lesion": [],
        "found_by_size": [{"size": "all", "base": {"lesions": 1, "found": 1}}],
        name: lists.get(name, FOREIGN),
    }
    page = html_report(values, [], {})
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    text = markdown_report(values, [], {}, tmp_path)
    assert "<img" not in text
    (line,) = (line for line in text.splitlines() if "onerror" in line)
    assert "example.org/a.png" in line
    # Every sign of Markdown has an odd number of backslashes before it.
    assert not re.search(r"(?<!\\)(\\\\)*[\[\]`*|]", line)
