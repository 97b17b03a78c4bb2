"""Summaries, paired tests and corrections agree with scipy and with figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.study.statistics import T_TEST
from PatientSpecificTuningLib.engine.study.statistics import WILCOXON
from PatientSpecificTuningLib.engine.study.statistics import compare
from PatientSpecificTuningLib.engine.study.statistics import corrected
from PatientSpecificTuningLib.engine.study.statistics import smallest_wilcoxon_p
from PatientSpecificTuningLib.engine.study.statistics import summarize
from scipy import stats


def test_a_summary_counts_only_what_is_defined():
    summary = summarize([1.0, None, 2.0, 4.0, None])
    assert (summary.n, summary.median) == (3, 2.0)
    assert summary.mean == pytest.approx(7 / 3)
    assert summary.sd == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert (summary.q1, summary.q3) == (1.5, 3.0)


def test_one_value_has_no_spread_and_none_has_no_centre():
    assert summarize([3.0]).sd is None
    assert summarize([None]).mean is None


def test_the_paired_t_test_is_that_of_scipy_on_complete_pairs():
    base, other = [0.8, 0.7, None, 0.9, 0.6], [0.9, 0.75, 0.5, None, 0.8]
    found = compare(base, other, T_TEST)
    assert found.pairs == 3
    assert found.p == pytest.approx(stats.ttest_rel([0.9, 0.75, 0.8], [0.8, 0.7, 0.6]).pvalue)
    assert found.difference == pytest.approx((0.1 + 0.05 + 0.2) / 3)


def test_eight_differences_of_one_sign_have_the_exact_wilcoxon_p():
    base = [float(i) for i in range(8)]
    other = [value + 0.1 * (i + 1) for i, value in enumerate(base)]
    found = compare(base, other, WILCOXON)
    assert found.p == pytest.approx(2 / 2**8)
    assert found.p == pytest.approx(smallest_wilcoxon_p(8))
    assert smallest_wilcoxon_p(7) > 0.01


@pytest.mark.parametrize("test", [T_TEST, WILCOXON])
@pytest.mark.parametrize(
    ("base", "other"), [([], []), ([1.0], [2.0]), ([1.0, 2.0], [1.0, 2.0]), ([None, 1.0], [1.0, None])]
)
def test_where_no_test_is_possible_there_is_no_p_value(test, base, other):
    assert compare(base, other, test).p is None


def test_the_same_difference_in_every_patient_has_no_t_test():
    assert compare([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], T_TEST).p is None


def test_holm_steps_down_as_worked_out_by_hand():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1 is .02, .03, .06, .04, and the last may not fall below .06.
    assert corrected([0.01, 0.04, 0.03, 0.005], "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_is_that_of_scipy_and_skips_what_is_undefined():
    given = [0.01, None, 0.04, 0.03]
    found = corrected(given, "benjamini-hochberg")
    assert found[1] is None
    assert [found[0], *found[2:]] == pytest.approx(stats.false_discovery_control([0.01, 0.04, 0.03]))


def test_corrections_never_exceed_one_and_nothing_is_corrected_by_default():
    assert corrected([0.9, 0.8], "holm") == [1.0, 1.0]
    assert corrected([0.9, None], "none") == [0.9, None]
    assert corrected([None], "benjamini-hochberg") == [None]
    with pytest.raises(InputError, match="bonferroni"):
        corrected([0.1], "bonferroni")
