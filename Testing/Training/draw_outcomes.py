"""Pictures of what base and tuned CNN found, missed and marked falsely, from the outputs that judging kept.

python Testing/environment.py Testing/Training/draw_outcomes.py --outputs FOLDER --pictures FOLDER --patients cs07
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from judge_brain_model import NAMES
from judge_outputs import BASE
from judge_outputs import TUNED
from judge_outputs import Output
from judge_outputs import read_outputs
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.judging.detection import FALSE
from PatientSpecificTuningLib.engine.judging.detection import FOUND
from PatientSpecificTuningLib.engine.judging.detection import MISSED
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.judging.picture import Overview
from PatientSpecificTuningLib.engine.judging.picture import draw_overview


def drawn(output: Output, path: Path) -> None:
    """The slices with most lesions among those that tuning did not see."""
    odd = slice(1, None, 2)
    judged = list(range(1, output.lesions.shape[0], 2))
    found = [output.found(cnn) for cnn in (BASE, TUNED)]
    captions = []
    for mask in found:
        metrics = segmentation_metrics(output.lesions, mask, output.spacing, slices=judged)
        captions.append(f"Dice {metrics.dice or 0:.2f}, lesions found {metrics.recall or 0:.0%}")
    known, masks = output.lesions[odd], [mask[odd] for mask in found]
    load = float(output.lesions.sum() * np.prod(output.spacing)) / 1000
    overview = Overview(
        output.image[odd],
        output.organ[odd],
        *masks,
        known,
        (_outcome(known, masks[0]), _outcome(known, masks[1])),
        output.deviation[TUNED][odd],
        title=f"{NAMES[output.name]} ({load:.1f} ml), slices that tuning did not see",
        captions=(captions[0], captions[1]),
    )
    draw_overview(overview, path)


def _outcome(known: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Voxel by voxel."""
    return np.where(known, np.where(found, FOUND, MISSED), np.where(found, FALSE, 0)).astype(np.uint8)


def main() -> None:
    """Draw the examinations that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--outputs", type=Path, required=True, help="folder that judge_brain_model.py filled")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the PNG files")
    parser.add_argument("--patients", nargs="*", default=list(NAMES), choices=list(NAMES))
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    for output in read_outputs(options.outputs):
        if output.name in options.patients:
            drawn(output, options.pictures / f"outcome_{output.name}.png")


if __name__ == "__main__":
    main()
