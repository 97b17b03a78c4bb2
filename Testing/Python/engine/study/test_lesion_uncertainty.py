"""Whether the uncertainty of a lesion tells which are false: curves and AUROC with known values."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.study.lesion_uncertainty import auroc
from PatientSpecificTuningLib.engine.study.lesion_uncertainty import curves
from PatientSpecificTuningLib.engine.study.lesion_uncertainty import lesion_uncertainties
from PatientSpecificTuningLib.engine.study.lesion_uncertainty import retention_curve
from PatientSpecificTuningLib.engine.study.lesion_uncertainty import uncertainty_rows

FALSE = np.array([False, False, True, True])


def test_a_measure_that_tells_false_lesions_keeps_them_to_the_end() -> None:
    assert retention_curve(np.array([0.1, 0.2, 0.3, 0.4]), FALSE) == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert retention_curve(np.array([0.4, 0.3, 0.2, 0.1]), FALSE) == pytest.approx([1, 1, 2 / 3, 1 / 2])


def test_a_measure_that_is_the_same_everywhere_keeps_the_curve_level() -> None:
    assert retention_curve(np.full(4, 0.2), FALSE) == pytest.approx([0.5] * 4)
    assert auroc(np.full(4, 0.2), FALSE) == 0.5


def test_the_auroc_is_one_where_every_false_lesion_is_less_certain() -> None:
    assert auroc(np.array([0.1, 0.2, 0.3, 0.4]), FALSE) == 1
    assert auroc(np.array([0.4, 0.3, 0.2, 0.1]), FALSE) == 0


def _outcomes() -> dict:
    lesions = [
        {"true": not false, "mean_sd": 0.1 * place, "max_sd": 0.3, "extent_uncertainty": extent}
        for place, (false, extent) in enumerate(zip(FALSE, (0.5, None, 0.2, 0.6), strict=True))
    ]
    measured = {"measures": {"objects": lesions}}
    return {"base": {"p1": measured, "p2": {"measures": {"objects": []}}, "p3": {"measures": None}}}


def test_lesions_of_all_patients_are_taken_together_and_unknown_ones_left_out() -> None:
    rows = lesion_uncertainties(_outcomes(), ["p1", "p2", "p3"], ["base", "tuned"])
    assert [(row["measure"], row["lesions"], row["false"]) for row in rows] == [
        ("mean_sd", 4, 2),
        ("max_sd", 4, 2),
        ("extent_uncertainty", 3, 2),
    ]
    assert [row["auroc"] for row in rows] == [1.0, 0.5, 0.5]
    assert rows[0]["false_part"] == pytest.approx({"25%": 0, "50%": 0, "75%": 1 / 3, "100%": 0.5})
    table = uncertainty_rows(rows)
    assert len(table) == 4
    assert all(len(row) == len(table[0]) for row in table)


def test_the_curve_of_every_measure_ends_with_all_lesions() -> None:
    drawn = curves(_outcomes(), ["p1"], "base")
    assert list(drawn) == ["mean_sd", "max_sd", "extent_uncertainty"]
    for kept, false in drawn.values():
        assert kept[-1] == 1
        assert false[-1] == pytest.approx(0.5, abs=0.2)
