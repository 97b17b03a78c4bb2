"""Statistics as published: summaries, paired tests against the base CNN, corrections for multiple comparisons.

Detection is reported as median [interquartile range] with the Wilcoxon signed-rank test, segmentation as mean and
standard deviation with the paired t-test (paper, "Experiments"). Where a measure is undefined in one of two settings,
the patient is left out of that comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..errors import InputError
from .significance import CORRECTIONS

WILCOXON, T_TEST = "Wilcoxon signed-rank test", "paired t-test"
Values = Sequence[float | None]


@dataclass(frozen=True)
class Summary:
    """A measure over the patients in which it is defined; all None without any, `sd` None with one."""

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    q1: float | None
    q3: float | None


@dataclass(frozen=True)
class Comparison:
    """A paired test of a setting against the base CNN.

    Attributes:
        pairs: patients in which both are defined.
        p: two-sided p value, None where the test is undefined (fewer than two pairs, or no difference at all).
        difference: mean of the differences for the t-test, median for the Wilcoxon test; None without pairs.
    """

    test: str
    pairs: int
    p: float | None
    difference: float | None


def summarize(values: Values) -> Summary:
    """Mean, standard deviation (n - 1), median and quartiles of what is defined."""
    defined = np.array([value for value in values if value is not None], dtype=float)
    if defined.size == 0:
        return Summary(0, None, None, None, None, None)
    q1, median, q3 = (float(value) for value in np.percentile(defined, (25, 50, 75)))
    sd = float(defined.std(ddof=1)) if defined.size > 1 else None
    return Summary(defined.size, float(defined.mean()), sd, median, q1, q3)


def compare(base: Values, other: Values, test: str) -> Comparison:
    """Test whether `other` differs from `base`, patient by patient; both in the same order of patients."""
    pairs = [(a, b) for a, b in zip(base, other, strict=True) if a is not None and b is not None]
    differences = np.array([b - a for a, b in pairs], dtype=float)
    if differences.size == 0:
        return Comparison(test, 0, None, None)
    centre = float(np.median(differences) if test == WILCOXON else differences.mean())
    if differences.size < 2 or not differences.any():
        return Comparison(test, differences.size, None, centre)
    if test == WILCOXON:
        p = stats.wilcoxon(differences).pvalue
    elif np.ptp(differences) == 0:
        # The same difference in every patient has no spread to be compared with.
        p = np.nan
    else:
        p = stats.ttest_1samp(differences, 0).pvalue
    return Comparison(test, differences.size, None if np.isnan(p) else float(p), centre)


def corrected(p_values: Values, method: str) -> list[float | None]:
    """p values corrected for their number; None stays None and does not count.

    Args:
        method: "none", "holm" (family-wise error) or "benjamini-hochberg" (false discovery rate).

    Raises:
        InputError: unknown method.
    """
    if method not in CORRECTIONS:
        message = f"The correction {method!r} is not known; use one of {', '.join(CORRECTIONS)}."
        raise InputError(message)
    defined = np.array([p for p in p_values if p is not None], dtype=float)
    if method == "holm":
        defined = _holm(defined)
    elif method == "benjamini-hochberg" and defined.size:
        defined = stats.false_discovery_control(defined, method="bh")
    results = iter(defined.tolist())
    return [None if p is None else next(results) for p in p_values]


def _holm(p_values: np.ndarray) -> np.ndarray:
    """The step-down procedure: the smallest times n, the next times n - 1, never falling, at most 1."""
    order = np.argsort(p_values)
    factors = np.arange(p_values.size, 0, -1)
    stepped = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    results = np.empty_like(p_values)
    results[order] = stepped
    return results


def smallest_wilcoxon_p(pairs: int) -> float:
    """The smallest p value that the test can reach with so many pairs, all of one sign: with 7 it stays above 0.01."""
    return float(2.0 ** (1 - pairs)) if pairs else 1.0
