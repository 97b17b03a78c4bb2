"""The recipe of the shipped brain model with patients and a scanner left out, so that every examination is judged unseen.

Every fold goes on from weights of the first recipe that had not seen its patients (`continue_brain_model.py`: the first
half of 200 iterations, then two cycles of a longer training, --long), and leaves a folder named without-A-B-..., as the
judges want it. The first fold are the weights that ship. The scanner left out is MS3SEG: old weights, which met the other
two, and the same recipe on these two alone; scanner-long goes on with --long.

    python Testing/environment.py Testing/Training/brain_folds.py --data FOLDER --work FOLDER --first MODEL
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from brain_examinations import MS3SEG
from continue_brain_model import CARD
from continue_brain_model import Run
from continue_brain_model import continued
from PatientSpecificTuningLib.engine.model.card import CARD_NAME
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import WEIGHTS_NAME
from PatientSpecificTuningLib.engine.network.model_folder import save_model
from safetensors.torch import load_file
from safetensors.torch import save_file

# Patients left out, and the weights of the first recipe to start from; None are those that learned from all five.
FOLDS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "A": (("cs19", "ms01", "ms08", "ms12"), "without-cs19"),
    "B": (("P39", "P18", "ms04", "ms14"), "without-P39-P18"),
    "C": (("cs26", "cs07", "ms10", "ms05"), "without-cs26-cs07"),
    "D": (("ms03", "ms07", "ms11", "ms13"), None),
}
FIRST_RECIPE = Path(__file__).parent / "FirstRecipe"
SCANNER = tuple(source.name for source in MS3SEG)
ITERATIONS, STOPPED_AFTER = 200, 100
# The second cycle goes on from the end of the first.
LONG_CYCLES = ((700, 7e-4), (700, 5e-4))
SCANNER_CYCLES = ((500, 5e-4), (700, 7e-4))
# Scanner left out: by the recipe of the shipped weights, and run to its end.
SCANNERS = ("scanner", "scanner-long")


def left_out_name(patients: tuple[str, ...]) -> str:
    """The folder of weights that have not seen these patients."""
    return "without-" + "-".join(patients)


def _card(left: tuple[str, ...], recipe: str) -> ModelCard:
    training = {"data": f"the sixteen examinations but {', '.join(left)}", "recipe": recipe}
    shipped = read_model_card(choose_model(None))
    name = f"judged without {', '.join(left)}"
    return replace(
        CARD, name=name, training=training, licence=shipped.licence, attribution=shipped.attribution
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints and weights")
    parser.add_argument(
        "--first", type=Path, required=True, help="weights of the first recipe, from all five"
    )
    parser.add_argument("--parts", nargs="*", default=[*FOLDS, *SCANNERS], choices=[*FOLDS, *SCANNERS])
    parser.add_argument("--half", type=Path, help="folder for the folds in bfloat16, which halves their size")
    options = parser.parse_args()
    for part in options.parts:
        if part in FOLDS:
            left, start = FOLDS[part]
            first = FIRST_RECIPE / start if start else options.first
            runs = [
                Run(f"fold-{part}", first, frozenset(left), ITERATIONS, stop_after=STOPPED_AFTER),
                *_long(part, left, LONG_CYCLES),
            ]
            _train(runs, left, options.work / "folds", options)
        elif part == "scanner":
            runs = [Run(part, options.first, frozenset(SCANNER), ITERATIONS, stop_after=STOPPED_AFTER)]
            _train(runs, SCANNER, options.work / part, options)
        else:
            first, *others = _long(part, SCANNER, SCANNER_CYCLES)
            _train([replace(first, start=options.first), *others], SCANNER, options.work / part, options)
    for folder in sorted((options.work / "folds").iterdir()) if options.half else []:
        _save_half(folder, options.half / folder.name)


def _long(part: str, left: tuple[str, ...], cycles: Sequence[tuple[int, float]]) -> list[Run]:
    """Cycles that are run to their end, by iterations and learning rate; where they start is decided later."""
    return [
        Run(f"{part}-cycle-{number}", Path(), frozenset(left), *cycle, keep_every=100, long=True)
        for number, cycle in enumerate(cycles, start=1)
    ]


def _train(runs: list[Run], left: tuple[str, ...], parent: Path, options: argparse.Namespace) -> None:
    """One run after the other, each from where the one before ended."""
    folder = parent / left_out_name(left)
    if (folder / CARD_NAME).is_file():
        return
    recipe, start = f"weights {runs[0].start.name}", runs[0].start
    for number, run in enumerate(runs, start=1):
        network = continued(replace(run, start=start), options.data, options.work, options.work / "corrected")
        recipe += f", then {_recipe(run)}"
        start = folder if number == len(runs) else options.work / f"{run.name}-end"
        save_model(start, _card(left, recipe), network)
    print(f"{folder} is complete", flush=True)


def _recipe(run: Run) -> str:
    """What the card says of it."""
    done = f"{run.stop_after or run.iterations} of {run.iterations} iterations"
    return f"{done} of continue_brain_model.py{' --long' if run.long else ''}"


def _save_half(model: Path, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    state = {name: value.bfloat16() for name, value in load_file(model / WEIGHTS_NAME).items()}
    save_file(state, output / WEIGHTS_NAME)
    shutil.copy(model / CARD_NAME, output / CARD_NAME)


if __name__ == "__main__":
    main()
