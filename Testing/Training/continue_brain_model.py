"""Train the brain model on all real examinations of three scanners, from given weights or from random ones.

What the first recipe (`train_brain_model.py`) lacked: thick slices and a 1.5 T scanner, background that looks like a
lesion sampled on purpose, every patient alike whatever the load, masks that reach too far, and T1 missing more often.
An interrupted training goes on from its checkpoint in the work folder. Weights that judge patients start from weights
that have not seen them and leave them out (--hold-out); `brain_folds.py` does that in turn.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import Corrected
from brain_examinations import Source
from brain_examinations import pasted
from brain_examinations import read_corrected
from brain_examinations import read_donors
from brain_variants import with_head
from brain_variants import with_sloppy_mask
from brain_variants import with_thick_slices
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import Normalization
from PatientSpecificTuningLib.engine.model.card import PostProcessing
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.model_folder import save_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.training.base_training import BaseTraining
from PatientSpecificTuningLib.engine.training.base_training import TrainingProgress
from PatientSpecificTuningLib.engine.training.patch_sampler import TrainingExamination
from PatientSpecificTuningLib.engine.training.settings import TrainingSettings

EXAMINATIONS = tuple(source.name for source in (*SOURCES, *MS3SEG))
PASTED = {"l04": 4, "l20": 3, "cs07": 2, "P18": 2}
# Part of the patches with pasted lesions, against all real examinations together.
PASTED_PART = 0.2
OWN_MASK_PART = 0.3
# Part of the patches of a 3 T scan that show the head around its brain, by `long_settings`.
HEAD_PART = 0.35
CARD = ModelCard(
    name="Brain white matter lesions (FLAIR + T1)",
    missing_sequences=("T1",),
    class_weights=(1.0, 1.0),
    tuning_learning_rate=1e-3,
    tuning_base_slices=2.0,
    tuning_logit_shift=True,
    # Through slices of 3 to 8 mm closing joins what is not one (README, "What it reaches").
    post_processing=PostProcessing(closing=(1, 3, 3)),
    normalization=Normalization(method="tissue"),
)


def settings(iterations: int, learning_rate: float) -> TrainingSettings:
    """The recipe; it departs from the paper's in learning rate, sampling, augmentation and weight averaging."""
    return TrainingSettings(
        iterations=iterations,
        learning_rate=learning_rate,
        schedule="one-cycle",
        varied=True,
        lesion_centred=0.6,
        hard_centred=0.2,
        all_slices=0.35,
        averaging=0.98,
        drop_probability=0.15,
        weight_decay=0.01,
        equal_patients=True,
        frozen_statistics=True,
    )


def long_settings(iterations: int, learning_rate: float) -> TrainingSettings:
    """The same for a training that is run to its end, with contrasts of scanners that nobody has met."""
    return replace(
        settings(iterations, learning_rate),
        averaging=0.99,
        contrast=0.35,
        # Of the lesions at hand few are faint, and a patient may have no others.
        faded=0.35,
        # Half of the clinical examinations at hand come without T1.
        drop_probability=0.35,
        all_slices=0.4,
    )


def learned_examinations(
    data: Path, hold_out: set[str], cache: Path | None = None, *, lesion_free: float = 0.5, head: float = 0.0
) -> list[TrainingExamination]:
    """Real examinations in all their variants, then those with pasted lesions and those with next to none.

    Args:
        lesion_free: how often those with next to none are drawn, against 1.5 for one with lesions.
        head: part of the patches of 3 T scans that show the head around the brain.
    """
    rng = np.random.default_rng(5)
    scans: list[tuple[Corrected, float]] = []
    backgrounds: dict[str, Corrected] = {}
    for source in SOURCES:
        if source.name not in hold_out:
            scan = read_corrected(source, data, cache)
            backgrounds[source.name] = scan
            # Three scanners count alike although most patients are of one.
            whole = 1.5 if source.lesions else lesion_free
            scans.append((scan, whole * (1 - head)))
            if head:
                scans.append((with_head(scan, rng), whole * head))
    for source in MS3SEG:
        if source.name not in hold_out:
            scans += _ms3seg_scans(source, data, cache)
    real = sum(weight for _, weight in scans)
    synthetic = list(_pasted(backgrounds, data, rng))
    scans += [(scan, PASTED_PART * real / len(synthetic)) for scan in synthetic]
    return [
        variant.training_examination(CARD, weight)
        for scan, whole in scans
        for variant, weight in with_thick_slices(scan, whole, rng)
    ]


def _ms3seg_scans(source: Source, data: Path, cache: Path | None) -> list[tuple[Corrected, float]]:
    """As it comes, and in part with the brain mask that users without one would get."""
    if not source.organ:
        return [(read_corrected(source, data, cache), 1.0)]
    own = replace(source, name=f"{source.name} own mask", organ="")
    return [
        (read_corrected(source, data, cache), 1 - OWN_MASK_PART),
        (read_corrected(own, data, cache), OWN_MASK_PART),
    ]


def _pasted(backgrounds: dict[str, Corrected], data: Path, rng: np.random.Generator) -> Iterator[Corrected]:
    donors = read_donors(data)[:8]
    for first, (name, count) in enumerate(PASTED.items()):
        if name not in backgrounds:
            continue
        for i, scan in enumerate(pasted(backgrounds[name], donors, first * 16, count)):
            whole_head = name.startswith("l")
            yield with_sloppy_mask(scan, rng) if whole_head and i % 2 else scan


@dataclass(frozen=True)
class Run:
    """One continued training.

    Attributes:
        name: of its files in the work folder.
        start: model folder to go on from; None starts from random weights, whose batch statistics are learned too.
        hold_out: patients not learned from.
        iterations: what the learning rate is planned for.
        stop_after: iterations that are run, None for all of them.
        keep_every: so often averaged weights are kept on the way, for curves.
        long: by `long_settings`, with lesion-free 3 T scans drawn more often and heads around stripped brains.
        seed: of the patches that are drawn; another one where a run goes on from one that drew the same.
    """

    name: str
    start: Path | None
    hold_out: frozenset[str]
    iterations: int
    learning_rate: float = 5e-4
    stop_after: int | None = None
    keep_every: int = 50
    long: bool = False
    seed: int = 0


def continued(run: Run, data: Path, work: Path, cache: Path | None = None) -> DualPathwayNetwork:
    """Train to where the run ends, from its checkpoint in the work folder where there is one."""
    recipe = (long_settings if run.long else settings)(run.iterations, run.learning_rate)
    chosen = replace(recipe, seed=run.seed, frozen_statistics=run.start is not None)
    drawn = {"lesion_free": 0.75, "head": HEAD_PART} if run.long else {}
    last = run.stop_after or run.iterations
    cuda = torch.cuda.is_available()
    training = BaseTraining(
        CARD,
        learned_examinations(data, set(run.hold_out), cache, **drawn),
        chosen,
        start_from=None if run.start is None else load_model(run.start)[1],
        device="cuda" if cuda else "cpu",
        bf16=cuda or torch.cpu._is_avx512_bf16_supported(),
    )
    began = time.monotonic()

    def report(progress: TrainingProgress) -> None:
        done = progress.iteration
        if done % 10 == 0:
            recent, seconds = progress.losses[-25:], time.monotonic() - began
            print(
                f"{run.name} {done} of {last}, loss {np.mean(recent):.4f}, {seconds:.0f} s since the start",
                flush=True,
            )
        if done % run.keep_every == 0:
            save_model(work / f"{run.name}-{done}", CARD, training.result())

    return training.run(
        checkpoint=work / f"{run.name}.checkpoint.safetensors",
        every=25,
        report=report,
        cancelled=lambda: training.progress.iteration >= last,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoint and averaged weights")
    parser.add_argument("--cache", type=Path, help="folder that keeps scans once their bias is corrected")
    parser.add_argument("--name", default="all", help="of the run, and of its folder in the work folder")
    parser.add_argument("--start", type=Path, help="model folder to go on from, random weights by default")
    parser.add_argument(
        "--hold-out", nargs="*", default=[], choices=EXAMINATIONS, help="patients not learned from"
    )
    parser.add_argument("--iterations", type=int, default=400, help="what the learning rate is planned for")
    parser.add_argument("--stop-after", type=int, help="iterations that are run, all by default")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument(
        "--keep-every", type=int, default=50, help="averaged weights kept on the way, for curves"
    )
    parser.add_argument("--long", action="store_true", help="settings for a training that is run to its end")
    parser.add_argument("--seed", type=int, default=0, help="of the patches that are drawn")
    options = parser.parse_args()
    run = Run(
        options.name,
        options.start,
        frozenset(options.hold_out),
        options.iterations,
        options.learning_rate,
        options.stop_after,
        options.keep_every,
        options.long,
        options.seed,
    )
    save_model(options.work / run.name, CARD, continued(run, options.data, options.work, options.cache))


if __name__ == "__main__":
    main()
