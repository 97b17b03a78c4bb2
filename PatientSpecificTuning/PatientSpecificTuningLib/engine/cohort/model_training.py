"""From annotated scans to a model folder: reading, preprocessing, base training, validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case.preparation import PreparationOptions
from ..case.preparation import examination_inputs
from ..case.preparation import preprocess_input
from ..errors import InputError
from ..files.atomic import write_text
from ..images.geometry import resample_labelmap
from ..images.scan_files import ExaminationFiles
from ..images.scan_files import find_examinations
from ..images.volumes import read_labelmap
from ..judging.metrics import summarize
from ..judging.metrics import task_metrics
from ..lesions.lesions import binarize
from ..model.card import ModelCard
from ..model.card import read_model_card
from ..progress import Progress
from ..progress import within
from .bids import is_bids
from .manifest import read_cohort

if TYPE_CHECKING:
    from ..network.network import DualPathwayNetwork
    from ..training.base_training import TrainingProgress
    from ..training.patch_sampler import TrainingExamination

Spacing = tuple[float, float, float]
CHECKPOINT = "checkpoint.safetensors"
LOSS_CURVE = "loss.csv"


def train_model(
    output: Path,
    sources: Sequence[Path],
    *,
    validation: Sequence[Path] = (),
    match: str = "",
    card_folder: Path | None = None,
    start_from: Path | None = None,
    device: str = "cpu",
    bf16: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a base model and write its folder; an interrupted training goes on from its checkpoint.

    Started by torchrun, several processes train together, one for each GPU, and the first one writes.

    Args:
        output: the model folder, also of checkpoint and loss curve.
        sources: folders with one or two annotated examinations, recognised by file names, or manifests.
        validation: the same for examinations that are only judged; their metrics go into the model card.
        match: of folders, only files whose path contains this text.
        card_folder: a folder whose model card is trained for; None is FLAIR and T1 with the paper's network.
        start_from: a model to go on from.
        device: "cpu" or "cuda".
        settings: values of `TrainingSettings`.

    Raises:
        InputError: scans cannot be used, none of them is annotated, or there is no such device.
    """
    from ..network.model_folder import load_model
    from ..training.base_training import BaseTraining
    from ..training.group import training_group
    from ..training.settings import TrainingSettings

    card_source = card_folder or start_from
    given = ModelCard() if card_source is None else read_model_card(card_source)
    training_settings = TrainingSettings(**(settings or {}))
    # All files are looked for before the first one is read.
    learned_files = annotated_files(sources, given, match=match)
    judged_files = annotated_files(validation, given, match=match)
    with training_group(device) as group:
        reporting = progress if group.leads else None
        examinations = [e for e, _ in read_examinations(learned_files, given, progress=reporting)]
        training = {
            "settings": asdict(training_settings),
            "examinations": [e.name for e in examinations],
            "processes": group.size,
        }
        card = replace(given, name=output.name, training=training, results={})
        start = None if start_from is None else load_model(start_from)[1]
        run = BaseTraining(card, examinations, training_settings, start_from=start, bf16=bf16, group=group)
        output.mkdir(parents=True, exist_ok=True)
        network = run.run(
            checkpoint=output / CHECKPOINT, report=_reporter(training_settings.iterations, reporting)
        )
    if not group.leads:
        return {}
    _write_losses(output / LOSS_CURVE, run.progress.losses)
    return _judged_and_saved(output, network, card, read_examinations(judged_files, given, progress=progress))


def _judged_and_saved(
    output: Path,
    network: DualPathwayNetwork,
    card: ModelCard,
    judged: Sequence[tuple[TrainingExamination, Spacing]],
) -> dict[str, Any]:
    from ..network.model_folder import save_model

    results = {
        examination.name: judge(network, card, examination, spacing) for examination, spacing in judged
    }
    save_model(output, replace(card, results=results), network)
    return {
        "model": str(output),
        "iterations": card.training["settings"]["iterations"],
        "validation": results,
        "summary": summarize(list(results.values())),
    }


def annotated_files(
    sources: Sequence[Path], card: ModelCard, *, match: str = ""
) -> list[tuple[str, ExaminationFiles]]:
    """The files of every examination with known lesions in folders and manifests, each with a name for messages.

    Raises:
        InputError: a folder has no annotated examination, or a manifest has problems, which are all listed.
    """
    found: list[tuple[str, ExaminationFiles]] = []
    for source in map(Path, sources):
        if source.is_file() or is_bids(source):
            for patient in read_cohort(source, card, single=True, missing_sequence="zero"):
                found += [(f"{patient.identifier} {n}", files) for n, files in patient.examinations.items()]
            continue
        files = find_examinations(source, match=match)
        given = {"baseline": files.baseline, "followup": files.followup}
        annotated = {name: f for name, f in given.items() if f is not None and f.lesions is not None}
        if not annotated:
            message = f"{source} has no examination with a lesion labelmap; add one or leave the folder out."
            raise InputError(message)
        found += [(f"{source.name} {name}", examination) for name, examination in annotated.items()]
    return found


def read_examinations(
    files: Sequence[tuple[str, ExaminationFiles]], card: ModelCard, *, progress: Progress | None = None
) -> list[tuple[TrainingExamination, Spacing]]:
    """Read and preprocess examinations; each comes with its voxel size in mm.

    Raises:
        InputError: scans cannot be used.
    """
    return [_examination(name, examination, card, progress) for name, examination in files]


def judge(
    network: DualPathwayNetwork, card: ModelCard, examination: TrainingExamination, spacing: Spacing
) -> dict[str, float | None]:
    """Metrics of a network on one annotated examination with voxels of `spacing` (x, y, z) in mm."""
    from ..network.prediction import predict_probability_plain

    images = np.asarray(examination.images, dtype=np.float32)
    found = binarize(
        predict_probability_plain(network, images, examination.organ), examination.organ, card.post_processing
    )
    return task_metrics(card.task, examination.lesions, found, spacing)


def _examination(
    name: str, files: ExaminationFiles, card: ModelCard, progress: Progress | None
) -> tuple[TrainingExamination, Spacing]:
    from ..training.patch_sampler import TrainingExamination

    (source,) = examination_inputs({name: files}, card, PreparationOptions(missing_sequence="zero"))
    prepared = preprocess_input(source, card, progress=within(progress, name))
    labels = read_labelmap(Path(str(files.lesions)), f"{name} lesion labelmap")
    lesions = sitk.GetArrayFromImage(resample_labelmap(labels, prepared.working_grid)) > 0
    x, y, z = (float(value) for value in prepared.working_grid.spacing)
    lesions &= prepared.organ_mask
    return TrainingExamination(name, prepared.images, prepared.organ_mask, lesions), (x, y, z)


def _reporter(iterations: int, progress: Progress | None) -> Any:
    def report(state: TrainingProgress) -> None:
        if progress is not None:
            progress("Training", state.iteration / iterations)

    return report


def _write_losses(path: Path, losses: Sequence[float]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["iteration", "loss"])
    writer.writerows(enumerate(losses, start=1))
    write_text(path, text.getvalue())
