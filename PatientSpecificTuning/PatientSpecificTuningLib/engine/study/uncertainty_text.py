"""The paragraph on uncertainty before and after fine-tuning (paper, "Uncertainty of CNN"), and lesions by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from .published import PUBLISHED_UNCERTAINTY
from .result_tables import Outcomes
from .statistics import T_TEST
from .statistics import Comparison
from .statistics import Summary
from .statistics import compare
from .statistics import summarize

MEASURES = {
    "mean_sd_of_detected": ("detection", "mean SD of the detected lesions"),
    "max_sd": ("segmentation", "maximum SD of all voxels"),
}
# Bounds in mm3: the paper's smallest WMH (0.01 cm3), and small against large metastases (1.0 cm3).
SIZES = {"< 0.01 cm³": (0.0, 10.0), "0.01 to 1.0 cm³": (10.0, 1000.0), "≥ 1.0 cm³": (1000.0, float("inf"))}


@dataclass(frozen=True)
class Uncertainty:
    """One measure of uncertainty before and after fine-tuning, patient by patient."""

    measure: str
    words: str
    base: Summary
    tuned: Summary
    comparison: Comparison
    published: dict[str, float]

    def sentence(self, alpha: float) -> str:
        """The figures in words, as the paper gives them."""
        if self.comparison.difference is None or self.base.mean is None or self.tuned.mean is None:
            return f"The {self.words} is not defined in both CNNs for any patient."
        p, pairs = self.comparison.p, self.comparison.pairs
        tested = "no test is possible" if p is None else f"p = {p:.3g}, paired t-test"
        verdict = "" if p is None else (", a significant" if p < alpha else ", no significant")
        change = "decrease" if self.comparison.difference < 0 else "increase"
        return (
            f"The {self.words} is {_printed(self.base)} for the base CNN and {_printed(self.tuned)} for the"
            f" patient-specific CNN{verdict}{f' {change}' if verdict else ''} ({tested}, n = {pairs}; the paper:"
            f" {self.published['base']:.3f} and {self.published['tuned']:.3f})."
        )

    def to_dict(self, alpha: float) -> dict[str, Any]:
        """Figures and sentence as JSON values."""
        return {**asdict(self), "sentence": self.sentence(alpha)}


def uncertainties(outcomes: Outcomes, patients: Sequence[str], base: str, tuned: str) -> list[Uncertainty]:
    """Both measures for two settings, tested by the paired t-test as in the paper."""
    found = []
    for measure, (task, words) in MEASURES.items():
        before, after = (_values(outcomes, setting, patients, measure) for setting in (base, tuned))
        comparison = compare(before, after, T_TEST)
        published = PUBLISHED_UNCERTAINTY[task]
        found.append(Uncertainty(measure, words, summarize(before), summarize(after), comparison, published))
    return found


def found_by_size(
    outcomes: Outcomes, patients: Sequence[str], settings: Sequence[str]
) -> list[dict[str, Any]]:
    """Of the known lesions of all patients together, how many each setting finds, by size."""
    rows = []
    for name, (low, high) in SIZES.items():
        row: dict[str, Any] = {"size": name}
        for setting in settings:
            hits = [
                lesion["found"]
                for patient in patients
                for lesion in _lesions(outcomes, setting, patient)
                if low <= lesion["volume_mm3"] < high
            ]
            row[setting] = {"lesions": len(hits), "found": sum(hits)}
        rows.append(row)
    return rows


def _lesions(outcomes: Outcomes, setting: str, patient: str) -> list[dict[str, Any]]:
    measures = (outcomes.get(setting, {}).get(patient) or {}).get("measures")
    return [] if measures is None else measures["lesions"]


def _values(outcomes: Outcomes, setting: str, patients: Sequence[str], measure: str) -> list[float | None]:
    found = [(outcomes.get(setting, {}).get(patient) or {}).get("measures") for patient in patients]
    return [None if m is None or m["uncertainty"] is None else m["uncertainty"][measure] for m in found]


def _printed(summary: Summary) -> str:
    spread = "n/a" if summary.sd is None else f"{summary.sd:.3f}"
    return f"{summary.mean:.3f} ± {spread}"
