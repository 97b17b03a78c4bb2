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
from ..judging.detection import match_lesions
from ..judging.metrics import SMALL_LESION_MM3
from ..judging.metrics import dice
from .leave_out import LeftOut

VERDICT, DECISION = "verdict.json", "decision.json"
CHOICES = ("base", "tuned")
# What a small lesion is: in the paper for metastases; for white matter lesions what readers overlook.
SMALL_MM3 = {"detection": SMALL_LESION_MM3, "segmentation": 100.0}
# A gain of Dice, or of F1 for a detection, up to this is none. A better Dice excuses no worse account of lesions: F1
# may not fall by more than chance does with an object or two, and this part of the lesions that the base CNN finds may
# be missed, one at least.
LEAST_GAIN, LARGEST_FALL, LARGEST_LOSS = 0.0, 0.05, 0.1
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


def count_found(
    known: NDArray[np.bool_], predicted: NDArray[np.bool_], voxel_volume_mm3: float, small_mm3: float
) -> Found:
    """Compare what one CNN found, bool (Z, Y, X), with the corrections of the same slices."""
    match = match_lesions(known, predicted)
    small = match.lesion_voxels * voxel_volume_mm3 < small_mm3
    return Found(
        dice=dice(known, predicted),
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
    learned: tuple[Found, Found] | None = None,
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
    base, tuned = (
        count_found(known, mask, voxel_volume_mm3, SMALL_MM3[task])
        for mask in (left_out.base, left_out.tuned)
    )
    is_known = bool(known.any()) and left_out.judged_part >= LEAST_JUDGED
    better = is_better(base, tuned, task) if is_known else None
    loses = injected is not None and bool(injected["loses_too_many"])
    forgot = learned is not None and is_worse(*learned, task)
    keeps_base = better is False or loses or forgot
    said = [sentence(base, tuned, len(slices), better)]
    if loses and injected is not None:
        said.append(injected["sentence"])
    if forgot and learned is not None:
        said.append(
            f"Even on the slices that it learned from, the tuned CNN finds {learned[1].found} of {learned[1].lesions}"
            f" lesions instead of {learned[0].found}, Dice {_number(learned[1].dice)} instead of"
            f" {_number(learned[0].dice)}."
        )
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
        "base": asdict(base),
        "tuned": asdict(tuned),
        "small_mm3": SMALL_MM3[task],
        "injected": injected,
        "learned": None if learned is None else {"base": asdict(learned[0]), "tuned": asdict(learned[1])},
    }


def is_better(base: Found, tuned: Found, task: str) -> bool:
    """Whether the tuned CNN gains without a worse account of lesions: found ones weighed against false ones.

    Dice follows the largest lesions, so that on its own it hides small lesions that are lost or made up.
    """
    if tuned.found < base.found - max(1, LARGEST_LOSS * base.found):
        return False
    if task == "detection" or base.dice is None or tuned.dice is None:
        return tuned.f1 > base.f1 + LEAST_GAIN
    return tuned.dice > base.dice + LEAST_GAIN and tuned.f1 >= base.f1 - LARGEST_FALL


def is_worse(base: Found, tuned: Found, task: str) -> bool:
    """Whether the tuned CNN is worse on slices that it learned from, where it should be better."""
    if tuned.found < base.found - max(1, LARGEST_LOSS * base.found):
        return True
    if task == "detection" or base.dice is None or tuned.dice is None:
        return tuned.f1 < base.f1
    return tuned.dice < base.dice


def sentence(base: Found, tuned: Found, slices: int, better: bool | None) -> str:
    """The verdict in words."""
    if better is None:
        return (
            "With the corrections there are nobody can know whether the tuned CNN is better: correct more slices with"
            " lesions, so that it can be tuned on some and judged on others."
        )
    small = ""
    if base.small:
        change = "as before" if base.small_found == tuned.small_found else f"instead of {base.small_found}"
        small = f"; small lesions: {tuned.small_found} of {base.small} {change}"
    return (
        f"On {slices} corrected slices that it had not seen, the tuned CNN finds {tuned.found} of {base.lesions}"
        f" lesions instead of {base.found}, {tuned.false} false instead of {base.false}, Dice {_number(tuned.dice)}"
        f" instead of {_number(base.dice)}{small}."
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
