"""What the worker can do: every verb as a function of plain values, with the engine behind it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..engine import workflow
from ..engine.case import Case
from ..engine.errors import InputError
from ..engine.progress import Progress

Answer = dict[str, Any]


def hello(progress: Progress) -> Answer:
    """Python, torch and the device that will be used.

    Raises:
        ImportError: torch is absent, or only half installed.
    """
    del progress
    import torch

    if not hasattr(torch, "__version__"):
        # What is left of an interrupted installation imports as an empty namespace.
        message = "torch is only half installed"
        raise ImportError(message)
    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name(0) if cuda else f"CPU, {torch.get_num_threads()} threads"
    return {"python": sys.version.split()[0], "torch": str(torch.__version__), "device": device}


def prepare(progress: Progress, folder: str, **options: Any) -> Answer:
    """Bring both examinations into the case folder."""
    case = workflow.prepare(folder, **options, progress=progress)
    notes = [note for record in case.examinations.values() for note in record.notes]
    return {"case": str(case.folder), "examinations": list(case.examinations), "notes": notes}


def annotate(progress: Progress, case: str, labels: str, slices: list[int]) -> Answer:
    """Take corrected labels into the case."""
    del progress
    annotation = workflow.annotate(case, labels, slices=slices)
    return {"slices": list(annotation.slices), "sha256": annotation.sha256}


def tune(progress: Progress, case: str, **settings: Any) -> Answer:
    """Tune on the corrected slices."""
    tuned = workflow.tune(case, **settings, progress=progress)
    return {"tuned": tuned.number}


def segment(progress: Progress, case: str, **options: Any) -> Answer:
    """Segment the follow-up."""
    result = workflow.segment(case, **options, progress=progress)
    tuned = result.run["tuned"] or "base"
    return {"result": result.number, "tuned": tuned, "lesions": result.lesions, "volume_ml": result.volume_ml}


def remove(progress: Progress, case: str, kind: str, number: str) -> Answer:
    """Remove a version of "tuned" or "results"; the newest that is left becomes current."""
    del progress
    opened = Case.open(Path(case))
    opened.remove_version(kind, number)
    return {"left": opened.versions(kind)}


VERBS = {verb.__name__: verb for verb in (hello, prepare, annotate, tune, segment, remove)}


def run(verb: str, arguments: dict[str, Any], progress: Progress) -> Answer:
    """Run a verb.

    Raises:
        InputError: there is no such verb, or what it says.
    """
    if verb not in VERBS:
        message = (
            f"The worker does not know {verb!r}; panel and worker are of different versions, restart Slicer."
        )
        raise InputError(message)
    return VERBS[verb](progress, **arguments)
