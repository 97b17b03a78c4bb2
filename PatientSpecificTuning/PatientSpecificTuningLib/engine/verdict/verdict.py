"""The verdict on a tuned CNN: one sentence with figures, and the decision that a person made upon it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..case.case import Case
from ..case.provenance import now
from ..errors import InputError
from ..files import json_values
from ..files.atomic import write_text
from ..files.json_file import read_json_object
from ..judging.detection import Match
from ..judging.detection import match_lesions
from ..judging.metrics import SMALL_LESION_MM3
from ..judging.metrics import dice
from .leave_out import LeftOut

VERDICT, DECISION = "verdict.json", "decision.json"
CHOICES = ("base", "tuned")
# What a small lesion is: in the paper for metastases; for white matter lesions what readers overlook.
SMALL_MM3 = {"detection": SMALL_LESION_MM3, "segmentation": 100.0}
# A better Dice, or F1 for a detection, excuses no lost lesions: as many as chance explains less often than this.
CHANCE = 0.05
# CNNs that were tuned on all slices but the judged ones do worse than the one that is offered, and that one does better
# on the slices that it learned from than on others. The .632+ estimator weighs both, what was left out the more the
# further they are apart (Efron and Tibshirani, J Am Stat Assoc 1997;92:548).
WEIGHT_LEFT_OUT = 0.632
# Where less of the corrected lesions could be judged, nobody can know.
LEAST_JUDGED = 0.5


@dataclass(frozen=True)
class Found:
    """What one CNN found on the slices left out.

    Attributes:
        dice: None where there is neither a lesion nor an object.
        lesions: lesions of the corrections, 26-connected.
        found: of these, how many any object overlaps.
        small: small lesions among them.
        small_found: of these, how many any object overlaps.
        false: objects that overlap no lesion.
    """

    dice: float | None
    lesions: int
    found: int
    small: int
    small_found: int
    false: int

    @property
    def f1(self) -> float:
        """Harmonic mean of the lesions found and of the objects that are lesions."""
        wrong = self.lesions - self.found + self.false
        return 2 * self.found / (2 * self.found + wrong) if self.found else 0.0


@dataclass(frozen=True)
class Comparison:
    """What both CNNs found on the same slices.

    Attributes:
        lost: lesions that the base CNN finds and the tuned one does not.
        gained: lesions that the tuned CNN finds and the base one does not.
    """

    base: Found
    tuned: Found
    lost: int
    gained: int

    @property
    def loses_lesions(self) -> bool:
        """Whether the tuned CNN loses more lesions than it gains, beyond chance (one-sided sign test)."""
        from scipy.stats import binomtest

        changed = self.lost + self.gained
        return bool(changed) and binomtest(self.lost, changed, alternative="greater").pvalue < CHANCE


def compare_found(
    known: NDArray[np.bool_],
    base: NDArray[np.bool_],
    tuned: NDArray[np.bool_],
    voxel_volume_mm3: float,
    small_mm3: float,
) -> Comparison:
    """Compare what both CNNs found, bool (Z, Y, X) each, with the corrections of the same slices.

    Args:
        small_mm3: volume below which a lesion is counted as small.
    """
    by_base, by_tuned = match_lesions(known, base), match_lesions(known, tuned)
    return Comparison(
        base=_found(by_base, dice(known, base), voxel_volume_mm3, small_mm3),
        tuned=_found(by_tuned, dice(known, tuned), voxel_volume_mm3, small_mm3),
        lost=int(np.count_nonzero(by_base.found & ~by_tuned.found)),
        gained=int(np.count_nonzero(by_tuned.found & ~by_base.found)),
    )


def _found(match: Match, overlap: float | None, voxel_volume_mm3: float, small_mm3: float) -> Found:
    small = match.lesion_voxels * voxel_volume_mm3 < small_mm3
    return Found(
        dice=overlap,
        lesions=int(match.found.size),
        found=int(np.count_nonzero(match.found)),
        small=int(np.count_nonzero(small)),
        small_found=int(np.count_nonzero(match.found & small)),
        false=int(np.count_nonzero(~match.hits)),
    )


def verdict_on(
    left_out: LeftOut,
    labels: NDArray[np.bool_],
    voxel_volume_mm3: float,
    task: str,
    injected: dict[str, Any] | None = None,
    learned: Comparison | None = None,
) -> dict[str, Any]:
    """The verdict as JSON values: known, better, recommended, sentence, slices, method, base, tuned and injected.

    Args:
        labels: bool (Z, Y, X), the corrections.
        task: "segmentation" or "detection" of the model.
        injected: what both CNNs find of lesions put into the follow-up; a tuned CNN that loses too many of them is
            not recommended, whatever it does on the corrected slices.
        learned: what the base CNN and the offered tuned CNN find on all corrected slices, which the latter has seen;
            one that is worse even there is not recommended.
    """
    slices = list(left_out.slices)
    known = np.zeros_like(labels)
    known[slices] = labels[slices]
    found = compare_found(known, left_out.base, left_out.tuned, voxel_volume_mm3, SMALL_MM3[task])
    is_known = bool(known.any()) and left_out.judged_part >= LEAST_JUDGED
    better = is_better(found, learned, task) if is_known else None
    loses = injected is not None and bool(injected["loses_too_many"])
    forgot = learned is not None and is_worse(learned, task)
    keeps_base = better is False or loses or forgot
    said = [sentence(found, len(slices), better)]
    if better and learned is not None and _gain(found, task) <= 0:
        said.append(f"{_on_learned(learned)}, which outweighs that.")
    if loses and injected is not None:
        said.append(injected["sentence"])
    if forgot and learned is not None:
        said.append(f"{_on_learned(learned)}, where it should be better.")
    if keeps_base:
        said.append("Keep the base CNN.")
    return {
        "known": is_known,
        "better": better,
        "recommended": "base" if keeps_base else "tuned",
        "sentence": " ".join(said),
        "slices": slices,
        "method": "leave one slice out"
        if left_out.folds == len(slices)
        else f"{left_out.folds} groups of slices",
        **asdict(found),
        "small_mm3": SMALL_MM3[task],
        "injected": injected,
        "learned": None if learned is None else asdict(learned),
    }


def is_better(left_out: Comparison, learned: Comparison | None, task: str) -> bool:
    """Whether the tuned CNN gains Dice (a detection F1) and loses no more lesions than chance explains.

    Dice follows the largest lesions, so that on its own it hides small lesions that are lost.

    Args:
        left_out: slices that the CNNs judged there had not learned from.
        learned: slices that the offered CNN learned from; None leaves them out of account.
    """
    gain = _gain(left_out, task)
    if learned is not None:
        weight = _weight_left_out(_scores(left_out, task)[1], _scores(learned, task)[1])
        gain = weight * gain + (1 - weight) * _gain(learned, task)
    return gain > 0 and not left_out.loses_lesions


def is_worse(learned: Comparison, task: str) -> bool:
    """Whether the tuned CNN is worse on slices that it learned from, where it should be better.

    Corrections that began with what the base CNN found keep its borders, which flatters its Dice; so the account of
    lesions must be worse as well.
    """
    loses_both = _gain(learned, task) < 0 and learned.tuned.f1 < learned.base.f1
    return loses_both or learned.loses_lesions


def _weight_left_out(left_out: float, learned: float) -> float:
    """Of what a tuned CNN scores on slices left out, beside what it scores on slices that it learned from."""
    overfitting = max(0.0, learned - left_out) / learned if learned > 0 else 0.0
    return WEIGHT_LEFT_OUT / (1 - (1 - WEIGHT_LEFT_OUT) * overfitting)


def _gain(found: Comparison, task: str) -> float:
    base, tuned = _scores(found, task)
    return tuned - base


def _scores(found: Comparison, task: str) -> tuple[float, float]:
    """Dice of both CNNs; F1 for a detection, and where a Dice is not defined."""
    base, tuned = found.base, found.tuned
    if task == "detection" or base.dice is None or tuned.dice is None:
        return base.f1, tuned.f1
    return base.dice, tuned.dice


def sentence(found: Comparison, slices: int, better: bool | None) -> str:
    """The verdict in words."""
    if better is None:
        return "Too few lesions were corrected to say whether the tuned CNN is better: correct another slice that shows some."
    base, tuned = found.base, found.tuned
    small = ""
    if base.small:
        change = "as before" if base.small_found == tuned.small_found else f"instead of {base.small_found}"
        small = f"; small lesions: {tuned.small_found} of {base.small} {change}"
    return (
        f"On {slices} corrected slices that it had not seen, the tuned CNN finds {tuned.found} of {base.lesions}"
        f" lesions instead of {base.found}, {tuned.false} false instead of {base.false}, Dice {_number(tuned.dice)}"
        f" instead of {_number(base.dice)}{small}."
    )


def _on_learned(found: Comparison) -> str:
    base, tuned = found.base, found.tuned
    return (
        f"On the slices that it learned from, the tuned CNN finds {tuned.found} of {tuned.lesions} lesions instead of"
        f" {base.found}, Dice {_number(tuned.dice)} instead of {_number(base.dice)}"
    )


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def write_verdict(folder: Path, verdict: dict[str, Any]) -> None:
    """Keep the verdict beside the tuned version that it is about."""
    write_text(folder / VERDICT, json.dumps(verdict, indent=2) + "\n")


def read_verdict(folder: Path) -> dict[str, Any] | None:
    """The verdict on a tuned version, None where there is none or it is damaged."""
    return _read(folder / VERDICT, _checked_verdict)


def read_decision(folder: Path) -> dict[str, Any] | None:
    """Who decided what about a tuned version, None where nobody has."""
    return _read(folder / DECISION, _checked_decision)


def _read(path: Path, check: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
    try:
        values = read_json_object(path)
        check(values)
    except (OSError, ValueError, KeyError):
        return None
    return values


def _checked_verdict(values: dict[str, Any]) -> None:
    json_values.text(values["sentence"])
    json_values.choice(values["recommended"], CHOICES)
    if values.get("injected") is not None:
        json_values.text(json_values.fields(values["injected"], json_values.anything)["sentence"])


def _checked_decision(values: dict[str, Any]) -> None:
    json_values.choice(values["choice"], CHOICES)
    for name in ("by", "at"):
        json_values.text(values[name])


def decide(case: Case, number: str, choice: str, by: str) -> dict[str, Any]:
    """Record who chose the base or the tuned CNN, and make that choice the current one; nothing is deleted.

    Raises:
        InputError: there is no such tuned version, or the choice is neither "base" nor "tuned".
    """
    if choice not in CHOICES:
        message = f"The decision {choice!r} is not known; choose {' or '.join(CHOICES)}."
        raise InputError(message)
    folder = case.version_folder("tuned", number)
    verdict = read_verdict(folder) or {}
    decision = {
        "choice": choice,
        "by": by,
        "at": now(),
        "tuned": number,
        "recommended": verdict.get("recommended"),
        "sentence": verdict.get("sentence"),
    }
    with case.additions("tuned", number) as added:
        write_text(added / DECISION, json.dumps(decision, indent=2) + "\n")
    chosen = number if choice == "tuned" else None
    case.set_current("tuned", chosen)
    if (result := _newest_result_of(case, chosen)) is not None:
        case.set_current("results", result)
    return decision


def _newest_result_of(case: Case, tuned: str | None) -> str | None:
    for number in reversed(case.versions("results")):
        info = case.version_info("results", number)
        if info.get("tuned") == tuned and info.get("examination") == "followup":
            return number
    return None
