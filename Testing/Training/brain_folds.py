"""The recipe of the shipped brain model, and the same with patients and scanners left out, so that all are judged unseen.

Every fold goes on from weights of the first recipe that had not seen its patients (`continue_brain_model.py`: the first
half of 200 iterations, then three cycles of a longer training, --long), and leaves a folder named without-A-B-..., as the
judges want it. The weights that ship go on from the first fold on all sixteen examinations. Scanners left out: MS3SEG,
from old weights that met the other two, by the recipe of the folds or (scanner-long) by one long cycle; Ljubljana, from
random weights. The fold B has not met the scanner of MSLesSeg.

    python Testing/environment.py Testing/Training/brain_folds.py --data FOLDER --work FOLDER --first MODEL
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from brain_examinations import MS3SEG
from brain_examinations import SOURCES
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
MS3SEG_NAMES = tuple(source.name for source in MS3SEG)
LJUBLJANA_NAMES = tuple(source.name for source in SOURCES if source.folder.startswith("open_ms"))
ITERATIONS, STOPPED_AFTER = 200, 100
# Iterations, learning rate and seed; a cycle goes on from the end of the one before.
LONG_CYCLES = ((700, 7e-4, 0), (700, 5e-4, 0), (700, 5e-4, 2))
SHIPPED_CYCLES = ((700, 5e-4, 3),)
MS3SEG_CYCLES = ((1900, 7e-4, 0),)
LJUBLJANA_CYCLES = ((1000, 1.2e-3, 0),)
PARTS = (*FOLDS, "shipped", "scanner", "scanner-long", "ljubljana")


def left_out_name(patients: tuple[str, ...]) -> str:
    """The folder of weights that have not seen these patients."""
    return "without-" + "-".join(patients)


def _card(left: tuple[str, ...], recipe: str) -> ModelCard:
    data = f"the sixteen examinations but {', '.join(left)}" if left else "all sixteen examinations"
    training = {"data": data, "recipe": recipe}
    shipped = read_model_card(choose_model(None))
    name = f"judged without {', '.join(left)}" if left else CARD.name
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
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--half", type=Path, help="folder for the folds in bfloat16, which halves their size")
    options = parser.parse_args()
    for part in options.parts:
        _train(part, options)
    for folder in sorted((options.work / "folds").iterdir()) if options.half else []:
        _save_half(folder, options.half / folder.name)


def _long(
    part: str, left: tuple[str, ...], cycles: Sequence[tuple[int, float, int]], start: Path | None = None
) -> list[Run]:
    """Cycles that are run to their end, the first one from `start`."""
    return [
        Run(
            f"{part}-cycle-{number}",
            start,
            frozenset(left),
            iterations,
            rate,
            keep_every=100,
            long=True,
            seed=seed,
        )
        for number, (iterations, rate, seed) in enumerate(cycles, start=1)
    ]


def _train(part: str, options: argparse.Namespace) -> None:
    """The runs of a part, each from where the one before ended."""
    folder, runs = _planned(part, options)
    if (folder / CARD_NAME).is_file():
        return
    start, left = runs[0].start, tuple(sorted(runs[0].hold_out))
    recipe = ["random weights" if start is None else f"weights {start.name}"]
    for number, run in enumerate(runs, start=1):
        network = continued(replace(run, start=start), options.data, options.work, options.work / "corrected")
        recipe.append(_recipe(run))
        start = folder if number == len(runs) else options.work / f"{run.name}-end"
        save_model(start, _card(left, ", then ".join(recipe)), network)
    print(f"{folder} is complete", flush=True)


def _planned(part: str, options: argparse.Namespace) -> tuple[Path, list[Run]]:
    """The folder of the weights, and the runs that lead to them; the first one has its start."""
    folds = options.work / "folds"
    if part in FOLDS:
        left, first = FOLDS[part]
        start = FIRST_RECIPE / first if first else options.first
        runs = [_short(f"fold-{part}", start, left), *_long(part, left, LONG_CYCLES)]
        return folds / left_out_name(left), runs
    if part == "shipped":
        start = folds / left_out_name(FOLDS["A"][0])
        return options.work / part, _long(part, (), SHIPPED_CYCLES, start)
    if part == "scanner":
        return options.work / part / left_out_name(MS3SEG_NAMES), [_short(part, options.first, MS3SEG_NAMES)]
    left, cycles, start = {
        "scanner-long": (MS3SEG_NAMES, MS3SEG_CYCLES, options.first),
        "ljubljana": (LJUBLJANA_NAMES, LJUBLJANA_CYCLES, None),
    }[part]
    return options.work / part / left_out_name(left), _long(part, left, cycles, start)


def _short(name: str, start: Path, left: tuple[str, ...]) -> Run:
    return Run(name, start, frozenset(left), ITERATIONS, stop_after=STOPPED_AFTER)


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
