"""Whether the uncertainty of a lesion tells which are false: error retention over the lesions of all patients.

Lesions are kept from the most to the least certain, and the part of those kept that is false is followed (error
retention curve); a measure that tells nothing keeps it level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .result_tables import Outcomes

# As the lesion table calls them, in words: the paper's two measures and the disagreement of the extent.
MEASURES = {
    "mean_sd": "mean SD of the lesion",
    "max_sd": "maximum SD of the lesion",
    "extent_uncertainty": "disagreement of the lesion's extent",
}
PARTS = (0.25, 0.5, 0.75, 1.0)


def lesion_uncertainties(
    outcomes: Outcomes, patients: Sequence[str], settings: Sequence[str]
) -> list[dict[str, Any]]:
    """For each setting and measure how well it tells false lesions from true ones; none without both kinds.

    Returns:
        setting, measure, words, number of lesions and of false ones, "auroc" (probability that a false lesion is less
        certain than a true one), and "false_part" of the most certain quarter, half, three quarters and of all.
    """
    rows = []
    for setting in settings:
        found = [lesion for patient in patients for lesion in _found(outcomes, setting, patient)]
        for measure, words in MEASURES.items():
            known = [lesion for lesion in found if lesion.get(measure) is not None]
            values = np.array([lesion[measure] for lesion in known], dtype=float)
            false = np.array([not lesion["true"] for lesion in known], dtype=bool)
            if false.any() and not false.all():
                curve = retention_curve(values, false)
                rows.append(
                    {
                        "setting": setting,
                        "measure": measure,
                        "words": words,
                        "lesions": int(false.size),
                        "false": int(np.count_nonzero(false)),
                        "auroc": auroc(values, false),
                        "false_part": {
                            f"{part:.0%}": float(curve[max(1, round(part * false.size)) - 1])
                            for part in PARTS
                        },
                    }
                )
    return rows


def retention_curve(values: NDArray[np.floating], false: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Part of the lesions kept that is false, for one kept, two kept and so on, from the most certain one.

    Lesions of equal uncertainty count as if they came in the mean of all their orders.

    Args:
        values: uncertainty of each lesion.
        false: whether it is false.
    """
    order = np.argsort(values, kind="stable")
    _values, starts, counts = np.unique(values[order], return_index=True, return_counts=True)
    means = np.add.reduceat(false[order].astype(float), starts) / counts
    curve: NDArray[np.float64] = np.cumsum(np.repeat(means, counts)) / np.arange(1, false.size + 1)
    return curve


def auroc(values: NDArray[np.floating], false: NDArray[np.bool_]) -> float:
    """Probability that a false lesion has a larger value than a true one, ties count half."""
    bad, good = values[false], values[~false]
    larger = (bad[:, None] > good[None]).mean() + 0.5 * (bad[:, None] == good[None]).mean()
    return float(larger)


def uncertainty_rows(entries: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The table for the reports, with a header."""
    parts = [f"false among the most certain {part:.0%}" for part in PARTS[:-1]] + ["false among all"]
    rows = [["CNN", "uncertainty", "lesions", "AUROC of false ones", *parts]]
    for entry in entries:
        shares = [f"{value:.2f}" for value in entry["false_part"].values()]
        rows.append(
            [entry["setting"], entry["words"], str(entry["lesions"]), f"{entry['auroc']:.2f}", *shares]
        )
    return rows


def curves(
    outcomes: Outcomes, patients: Sequence[str], setting: str
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For each measure of one setting, the part of lesions kept and the part of these that is false."""
    found = [lesion for patient in patients for lesion in _found(outcomes, setting, patient)]
    drawn = {}
    for measure in MEASURES:
        known = [lesion for lesion in found if lesion.get(measure) is not None]
        if known:
            values = np.array([lesion[measure] for lesion in known], dtype=float)
            curve = retention_curve(values, np.array([not lesion["true"] for lesion in known]))
            drawn[measure] = (np.arange(1, curve.size + 1) / curve.size, curve)
    return drawn


def _found(outcomes: Outcomes, setting: str, patient: str) -> list[dict[str, Any]]:
    measures = (outcomes.get(setting, {}).get(patient) or {}).get("measures")
    return [] if measures is None else measures.get("objects", [])
