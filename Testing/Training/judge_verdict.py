"""Does the verdict agree with the truth? On real examinations with expert labels, tuned on slices of one half.

The CNN is tuned on a few slices of the even half, proposed as in the panel. The verdict goes by leaving each of them out.
The truth is what both CNNs reach on the odd half. Weights are those that did not learn from the patient. Of
examinations with many slices the middle 24 are taken. What was computed is kept in --work.

    python Testing/environment.py Testing/Training/judge_verdict.py --data FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from judge_brain_model import HELD_OUT_MODELS
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.verdict.verdict import SMALL_MM3
from PatientSpecificTuningLib.engine.verdict.verdict import Comparison
from PatientSpecificTuningLib.engine.verdict.verdict import compare_found
from PatientSpecificTuningLib.engine.verdict.verdict import is_better
from PatientSpecificTuningLib.engine.verdict.verdict import verdict_on
from verdict_trials import EXAMINATIONS
from verdict_trials import Trial
from verdict_trials import trials

TASK = "segmentation"
# Differences of Dice up to this are none: either verdict is right. Beyond the other, a recommendation does harm.
TIE, HARM = 0.01, 0.03


@dataclass(frozen=True)
class Judged:
    """One verdict beside the truth on the other half.

    Attributes:
        recommended: by the verdict; "unknown" where it cannot know.
        by_dice: what Dice alone on the slices left out would recommend.
        found: what both CNNs find on the other half.
    """

    name: str
    slices: int
    recommended: str
    by_dice: str
    sentence: str
    found: Comparison

    @property
    def gain(self) -> float:
        """Dice gained by tuning on the other half."""
        return (self.found.tuned.dice or 0.0) - (self.found.base.dice or 0.0)

    @property
    def truth(self) -> str:
        """Which CNN is better on the other half by Dice; "either" where both are alike."""
        if abs(self.gain) <= TIE:
            return "either"
        return "tuned" if self.gain > 0 else "base"

    @property
    def balanced_truth(self) -> str:
        """The same by the verdict's own rule, lesions weighed with Dice."""
        return "tuned" if is_better(self.found, None, TASK) else "base"


def judged(name: str, slices: int, trial: Trial) -> Judged:
    """The verdict of one trial and what both CNNs reach on the other half."""
    voxel = float(np.prod(trial.spacing))
    corrected = np.zeros_like(trial.known)
    corrected[trial.slices] = True

    def compared(part: NDArray[np.bool_]) -> Comparison:
        masks = (trial.known & part, trial.base & part, trial.tuned & part)
        return compare_found(*masks, voxel, SMALL_MM3[TASK])

    learned = compared(corrected)
    verdict = verdict_on(trial.left_out, trial.known, voxel, TASK, learned=learned)
    odd = np.zeros_like(trial.known)
    odd[trial.other_half] = True
    dice = [verdict[cnn]["dice"] or 0.0 for cnn in ("base", "tuned")]
    return Judged(
        name,
        slices,
        verdict["recommended"] if verdict["known"] or verdict["recommended"] == "base" else "unknown",
        "tuned" if dice[1] > dice[0] else "base",
        verdict["sentence"],
        compared(odd),
    )


def summary(rows: list[Judged]) -> dict[str, float | int | None]:
    """How often the verdict agrees with the truth, and how much a recommended CNN is worse at most."""
    known = [row for row in rows if row.recommended != "unknown"]

    def agreement(answers: list[tuple[str, str]]) -> float | None:
        return (
            float(np.mean([answer in (truth, "either") or truth == "either" for answer, truth in answers]))
            if answers
            else None
        )

    return {
        "verdicts": len(known),
        "unknown": len(rows) - len(known),
        "agreement": agreement([(row.recommended, row.truth) for row in known]),
        "agreement_balanced": agreement([(row.recommended, row.balanced_truth) for row in known]),
        "agreement_of_dice_alone": agreement([(row.by_dice, row.truth) for row in known]),
        "always_tuned": agreement([("tuned", row.truth) for row in known]),
        "recommended_tuned": sum(row.recommended == "tuned" for row in known),
        "recommended_worse": sum(row.recommended == "tuned" and row.gain < -HARM for row in known),
        "worse_by_dice_alone": sum(row.by_dice == "tuned" and row.gain < -HARM for row in known),
        "kept_base_though_better": sum(row.recommended == "base" and row.gain > HARM for row in known),
    }


def as_markdown(rows: list[Judged]) -> str:
    """One row for each verdict."""
    lines = [
        "| examination | slices | recommended | Dice of the other half, base to tuned | lesions found | false |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        base, tuned = row.found.base, row.found.tuned
        lines.append(
            f"| {row.name} | {row.slices} | {row.recommended} | {base.dice or 0:.3f} to {tuned.dice or 0:.3f}"
            f" | {base.found} to {tuned.found} of {base.lesions} | {base.false} to {tuned.false} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Judge what is asked for and print the table and the summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--work", type=Path, required=True, help="where what was computed is kept")
    parser.add_argument("--models", type=Path, default=HELD_OUT_MODELS, help="weights named without-PATIENT")
    parser.add_argument("--examinations", nargs="+", choices=list(EXAMINATIONS), default=list(EXAMINATIONS))
    parser.add_argument("--slices", nargs="+", type=int, default=[4], help="numbers of corrected slices")
    options = parser.parse_args()
    found = trials(options.examinations, options.slices, options.data, options.models, options.work)
    rows = [judged(name, slices, trial) for name, slices, trial in found]
    print(as_markdown(rows))
    print(json.dumps(summary(rows), indent=2))


if __name__ == "__main__":
    main()
