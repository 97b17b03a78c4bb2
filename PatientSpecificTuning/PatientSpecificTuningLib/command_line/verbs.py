"""What each verb of the command line does with its options: calls of the engine, answers as plain values."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..engine.cohort.sample_cases import DEFAULT_SAMPLE
from ..engine.cohort.sample_cases import sample_folder
from ..engine.errors import InputError
from ..engine.images.scan_files import ExaminationFiles
from ..engine.images.scan_files import find_examinations
from ..engine.images.scan_files import single_roles
from ..engine.progress import Progress
from ..engine.tuning.slice_proposal import in_words

Options = argparse.Namespace
Answer = dict[str, Any]
# Options that say how examinations are prepared, as `command_arguments` and the engine call them.
PREPARATION = (
    "model",
    "registration",
    "motion_correction",
    "bias_correction",
    "missing_sequence",
    "kept_from",
)


def prepare(options: Options, progress: Progress | None) -> Answer:
    """Bring the images of a patient into a case folder."""
    from ..engine import workflow

    baseline, followup = (_given(options, name) for name in ("baseline", "followup"))
    if baseline is None and followup is None:
        message = "No images are given; name the sequences with --baseline and --followup."
        raise InputError(message)
    case = workflow.prepare(
        options.case, baseline=baseline, followup=followup, **_preparation(options), progress=progress
    )
    notes = [note for record in case.examinations.values() for note in record.notes]
    return {"case": str(case.folder), "examinations": list(case.examinations), "notes": notes}


def propose(options: Options, progress: Progress | None) -> Answer:
    """List the baseline slices from which the CNN can learn most."""
    from ..engine import workflow

    del progress
    proposals = workflow.propose(
        options.case,
        count=options.count,
        among=options.among,
        criterion=options.criterion,
        distance_mm=options.distance,
    )
    return {"slices": [asdict(proposal) | {"why": in_words(proposal)} for proposal in proposals]}


def annotate(options: Options, progress: Progress | None) -> Answer:
    """Take corrected labels into the case."""
    from ..engine import workflow

    del progress
    annotation = workflow.annotate(options.case, options.labels, slices=options.slices)
    return {"corrected_slices": list(annotation.slices), "sha256": annotation.sha256}


def learn(options: Options, progress: Progress | None) -> Answer:
    """Learn from the slices corrected so far and look at the others; no version is made."""
    from ..engine import workflow

    live = workflow.learn_so_far(
        options.case,
        options.labels,
        options.slices,
        **_tuning(options),
        criterion=options.criterion,
        distance_mm=options.distance,
        progress=progress,
    )
    proposals = [
        asdict(proposal) | {"why": in_words(proposal)} for proposal in live.proposals[: options.count]
    ]
    return {"learned": live.has_learned, "lesions": str(live.lesions), "slices": proposals}


def tune(options: Options, progress: Progress | None) -> Answer:
    """Fine-tune on the corrected slices."""
    from ..engine import workflow

    tuned = workflow.tune(options.case, **_tuning(options), also=options.also, progress=progress)
    return {"tuned": tuned.number, "folder": str(tuned.folder)}


def segment(options: Options, progress: Progress | None) -> Answer:
    """Find the lesions of an examination."""
    from ..engine import workflow

    result = workflow.segment(
        options.case,
        examination=options.examination,
        weights=options.weights,
        repetitions=options.repetitions,
        baseline_prior=options.baseline_prior,
        new_lesion_prior=options.new_lesion_prior,
        progress=progress,
    )
    return {
        "result": result.number,
        "folder": str(result.folder),
        "tuned": result.run["tuned"] or "base",
        "lesions": result.lesions,
        "volume_ml": result.volume_ml,
        "change": result.run.get("change", {}),
    }


def evaluate(options: Options, progress: Progress | None) -> Answer:
    """Compare a result with known lesions."""
    from ..engine import workflow

    del progress
    return workflow.evaluate(options.case, options.reference, number=options.result)


def train(options: Options, progress: Progress | None) -> Answer:
    """Train a base model."""
    from ..engine.cohort.model_training import train_model

    settings = {
        name: getattr(options, name) for name in ("iterations", "learning_rate", "schedule", "varied", "seed")
    }
    return train_model(
        options.output,
        options.examinations,
        validation=options.validation,
        match=options.match,
        card_folder=options.card,
        start_from=options.start_from,
        device=options.device,
        bf16=options.bf16,
        settings=settings,
        progress=progress,
    )


def demo(options: Options, progress: Progress | None) -> Answer:
    """Run the whole method."""
    from ..engine.demonstration import DemoOptions
    from ..engine.demonstration import demonstrate
    from ..engine.network.model_choice import model_of_organ

    scans, found = _demo_scans(options)
    preparation = _preparation(options)
    if options.case is None and options.baseline is None:
        preparation["model"] = options.model or model_of_organ(options.sample or DEFAULT_SAMPLE)
    demo_options = DemoOptions(
        slices=options.slices,
        among=options.among,
        half=options.split_slices or "even",
        preparation=preparation,
        tuning=_tuning(options),
        repetitions=options.repetitions,
    )
    answer = demonstrate(scans, options.output, demo_options, progress=progress)
    return {"found": found, **answer}


def _demo_scans(options: Options) -> tuple[Any, list[str]]:
    """The scans of the demo and one line for each file that was recognised."""
    from ..engine.demonstration import Scans

    baseline, followup = (_given(options, name) for name in ("baseline", "followup"))
    if baseline is None and followup is not None:
        message = "A follow-up is given without a baseline; name its sequences with --baseline."
        raise InputError(message)
    sources = {"--sample": options.sample, "--case": options.case, "--baseline": baseline}
    given = [name for name, source in sources.items() if source is not None]
    if len(given) > 1:
        message = f"Both {given[0]} and {given[1]} are given; use one of them."
        raise InputError(message)
    if baseline is not None:
        scans, found = Scans(baseline, followup, options.change_mask), []
    else:
        folder = options.case or sample_folder(options.sample or DEFAULT_SAMPLE)
        files = find_examinations(folder, match=options.match)
        for name, examination in (("baseline", files.baseline), ("followup", files.followup)):
            if examination is not None:
                _add_given_masks(options, name, examination)
        scans, found = (
            Scans(files.baseline, files.followup, options.change_mask or files.change_mask),
            files.notes,
        )
    if options.split_slices and scans.followup is not None:
        # The follow-up is left out on request, so that a pair can be used as a single examination.
        scans = Scans(scans.baseline)
    return scans, found


def _add_given_masks(options: Options, name: str, files: ExaminationFiles) -> None:
    files.organ_mask = getattr(options, f"{name}_mask") or files.organ_mask
    files.lesions = getattr(options, f"{name}_lesions") or files.lesions


def _given(options: Options, name: str) -> ExaminationFiles | None:
    """The files of one examination from --NAME, --NAME-mask and --NAME-lesions."""
    mask, lesions = getattr(options, f"{name}_mask"), getattr(options, f"{name}_lesions", None)
    paths = getattr(options, name)
    if paths is None:
        if (mask or lesions) and not getattr(options, "output", None):
            message = f"A mask of the {name} is given without its images; name the sequences with --{name}."
            raise InputError(message)
        return None
    sequences: dict[str, list[Path]] = {}
    unnamed = []
    for text in paths:
        sequence, separator, path = text.partition("=")
        if separator and not Path(text).exists():
            sequences.setdefault(sequence, []).append(Path(path))
        else:
            unnamed.append(Path(text))
    for sequence, found in single_roles(unnamed).items():
        sequences.setdefault(sequence, []).extend(found)
    return ExaminationFiles(sequences, mask, lesions)


def _preparation(options: Options) -> dict[str, Any]:
    channels = {
        f"{name}_channels": dict(getattr(options, f"{name}_channels")) for name in ("baseline", "followup")
    }
    return {**{name: getattr(options, name) for name in PREPARATION}, **channels}


def _tuning(options: Options) -> dict[str, Any]:
    return {
        "settings": options.settings,
        "iterations": options.iterations,
        "learning_rate": options.learning_rate,
        "base_slices": options.base_slices,
        "logit_shift": options.logit_shift,
        "weighting": None if options.weighting == "none" else options.weighting,
        "seed": options.seed,
    }
