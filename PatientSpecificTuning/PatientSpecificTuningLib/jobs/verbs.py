"""What the worker can do: every verb as a function of plain values, with the engine behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import review
from ..engine import workflow
from ..engine.case.case import Case
from ..engine.errors import InputError
from ..engine.images.geometry import Grid
from ..engine.network.device import describe_device
from ..engine.progress import Progress
from ..engine.progress import Seen
from .memory import total_memory_gb
from .seen_slices import SeenSlice
from .torch_check import usable_torch
from .whole_preparation import WholePreparation

Answer = dict[str, Any]
Tell = Callable[[dict[str, Any]], None]


def hello(progress: Progress) -> Answer:
    """Python, torch, the device that will be used and the memory.

    Raises:
        ImportError: torch is absent, or only half installed.
    """
    del progress
    torch = usable_torch()
    return {
        "python": sys.version.split()[0],
        "torch": str(torch.__version__),
        "device": describe_device(),
        "memory_gb": total_memory_gb(),
    }


def prepare(progress: Progress, folder: str, *, tell: Tell | None = None, **options: Any) -> Answer:
    """Bring both examinations into the case folder.

    Args:
        tell: told what the base CNN finds on each slice, a `SeenSlice`.
    """
    usable_torch()

    def seen(examination: str, grid: Grid) -> Seen:
        def told(position: int, lesions: NDArray[np.bool_]) -> None:
            if tell is not None:
                tell(SeenSlice(examination, grid, position, lesions).to_dict())

        return told

    case = workflow.prepare(folder, **options, seen=seen, progress=WholePreparation(progress))
    notes = [note for record in case.examinations.values() for note in record.notes]
    return {"case": str(case.folder), "examinations": list(case.examinations), "notes": notes}


def propose(progress: Progress, case: str, **options: Any) -> Answer:
    """Baseline slices from which the CNN can learn most, best first."""
    del progress
    return {"slices": [asdict(proposal) for proposal in workflow.propose(case, **options)]}


def annotate(progress: Progress, case: str, labels: str, slices: list[int] | None = None) -> Answer:
    """Take corrected labels into the case."""
    del progress
    annotation = workflow.annotate(case, labels, slices=slices)
    return {"slices": list(annotation.slices), "sha256": annotation.sha256}


def prepare_tuning(progress: Progress, case: str, slices: list[int], **settings: Any) -> Answer:
    """Look at the patches of these slices before they are corrected."""
    usable_torch()
    workflow.prepare_tuning(case, slices, **settings, progress=progress)
    return {"slices": slices}


def learn(progress: Progress, case: str, labels: str, slices: list[int], **settings: Any) -> Answer:
    """Learn from the slices corrected so far and look at the others; no version is made."""
    usable_torch()
    live = workflow.learn_so_far(case, labels, slices, **settings, progress=progress)
    return {"slices": list(live.slices), "learned": live.has_learned, "lesions": str(live.lesions)}


def tune(progress: Progress, case: str, **settings: Any) -> Answer:
    """Tune on the corrected slices."""
    usable_torch()
    tuned = workflow.tune(case, **settings, progress=progress)
    return {"tuned": tuned.number}


def segment(progress: Progress, case: str, **options: Any) -> Answer:
    """Segment the follow-up."""
    usable_torch()
    result = workflow.segment(case, **options, progress=progress)
    tuned = result.run["tuned"] or "base"
    return {"result": result.number, "tuned": tuned, "lesions": result.lesions, "volume_ml": result.volume_ml}


def evaluate(progress: Progress, case: str, reference: str, number: str) -> Answer:
    """Compare a result with known lesions."""
    del progress
    return {"metrics": workflow.evaluate(case, reference, number=number)}


def remove(progress: Progress, case: str, kind: str, number: str) -> Answer:
    """Remove a version of "tuned" or "results"; the newest that is left becomes current."""
    del progress
    opened = Case.open(Path(case))
    opened.remove_version(kind, number)
    return {"left": opened.versions(kind)}


def judge(progress: Progress, case: str, number: str = "current") -> Answer:
    """Whether a tuned version is better than the base CNN."""
    usable_torch()
    return review.judge(case, number=number, progress=progress)


def decide(progress: Progress, case: str, choice: str, by: str = "", number: str = "current") -> Answer:
    """Record whether the base or a tuned CNN is to be used."""
    del progress
    return review.decide(case, choice, by=by, number=number)


def set_registration(progress: Progress, case: str, transform: str | None = None) -> Answer:
    """Take the alignment of the examinations from a file, or find it anew; the next result uses it."""
    del progress
    return review.set_registration(case, transform).as_dict()


def report(progress: Progress, case: str, number: str = "current", output: str | None = None) -> Answer:
    """Write the report of a result."""
    return dict(review.report(case, number=number, output=output, progress=progress))


def export(progress: Progress, case: str, folder: str, number: str, images: list[str]) -> Answer:
    """Write a result as DICOM beside the images that it was found in."""
    del progress
    return dict(review.export(case, folder, number=number, images=images))


VERBS: dict[str, Callable[..., Answer]] = {
    verb.__name__: verb
    for verb in (
        hello,
        prepare,
        propose,
        annotate,
        prepare_tuning,
        learn,
        tune,
        segment,
        evaluate,
        remove,
        judge,
        decide,
        set_registration,
        report,
        export,
    )
}


# Verbs that tell parts of their outcome before all of it is complete.
TELLING = {prepare.__name__}


def run(verb: str, arguments: dict[str, Any], progress: Progress, tell: Tell | None = None) -> Answer:
    """Run a verb.

    Args:
        tell: told the parts of its outcome, where the verb tells any.

    Raises:
        InputError: there is no such verb, or what it says.
    """
    if verb not in VERBS:
        message = (
            f"The worker does not know {verb!r}; panel and worker are of different versions, restart Slicer."
        )
        raise InputError(message)
    told = {"tell": tell} if verb in TELLING else {}
    return VERBS[verb](progress, **arguments, **told)
