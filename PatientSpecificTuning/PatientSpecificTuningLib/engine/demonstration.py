"""The whole method in one go: from scans with known lesions to base and patient-specific results side by side."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import workflow
from .case.annotation import labels_on_working_grid
from .case.annotation import lesion_slices
from .case.case import Case
from .errors import InputError
from .files.atomic import replace_when_complete
from .files.atomic import write_text
from .images.scan_files import ExaminationFiles
from .images.volumes import write_volume
from .judging.evaluation import evaluate_change
from .judging.metrics import metric_names
from .judging.report import draw_result
from .judging.report import metrics_markdown
from .lesions.comparison import CHANGE_MAP
from .lesions.comparison import CHANGE_TABLE
from .lesions.lesions import binarize
from .lesions.results import DETECTION_TABLE
from .lesions.results import DETECTIONS
from .lesions.results import LABELMAP
from .lesions.results import LESION_TABLE
from .lesions.results import PROBABILITY
from .lesions.results import UNCERTAINTY
from .lesions.results import Result
from .model.card import ModelCard
from .model.card import read_model_card
from .network.model_choice import model_of_case
from .network.prepared import open_examination
from .progress import Progress

COPIED = (
    LABELMAP,
    PROBABILITY,
    UNCERTAINTY,
    LESION_TABLE,
    CHANGE_TABLE,
    CHANGE_MAP,
    DETECTIONS,
    DETECTION_TABLE,
)


@dataclass(frozen=True)
class Scans:
    """What the demo works on.

    Attributes:
        baseline: with known lesions, from which the corrections are taken.
        followup: with known lesions to judge by; None for a single examination.
        change_mask: known change between the examinations, judged by where the follow-up's lesions are not known.
    """

    baseline: ExaminationFiles
    followup: ExaminationFiles | None = None
    change_mask: Path | None = None


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs.

    Attributes:
        slices: number of corrected slices, "all" for every slice with a lesion, None as the model card says.
        among: which slices are proposed from, "organ" or "lesion".
        half: "even" or "odd", the slices of a single examination that may be corrected; the others judge.
        preparation: keyword options of `workflow.prepare`.
        tuning: keyword options of `workflow.tune`.
        repetitions: Monte Carlo dropout repetitions.
    """

    slices: int | str | None = None
    among: str = "organ"
    half: str = "even"
    preparation: dict[str, Any] = field(default_factory=dict)
    tuning: dict[str, Any] = field(default_factory=dict)
    repetitions: int = 25


@dataclass
class _Run:
    """What the steps of one demo share."""

    scans: Scans
    options: DemoOptions
    case: Case
    card: ModelCard
    notes: list[str]

    @property
    def single(self) -> bool:
        return self.scans.followup is None

    @property
    def judged(self) -> str:
        """The examination that is segmented and judged."""
        return "baseline" if self.single else "followup"

    @property
    def known(self) -> Path | None:
        """Known lesions of the judged examination."""
        examination = self.scans.followup or self.scans.baseline
        return examination.lesions

    @property
    def slices(self) -> int | None:
        """Number of corrected slices, None for every slice with a lesion."""
        if isinstance(self.options.slices, str):
            return None
        return self.options.slices or self.card.proposed_slices

    def halves(self) -> tuple[list[int], list[int] | None]:
        """Slices that may be corrected, and slices that are judged (None for all)."""
        count = self.case.record("baseline").working_grid.shape[0]
        if not self.single:
            return list(range(count)), None
        first = 0 if self.options.half == "even" else 1
        return list(range(first, count, 2)), list(range(1 - first, count, 2))


def demonstrate(
    scans: Scans, output: Path, options: DemoOptions | None = None, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Prepare, propose, correct from the known labels, tune, segment, judge, and leave everything in `output`.

    Returns:
        base and tuned metrics, the corrected slices, lesions, notes and the output folder.

    Raises:
        InputError: the scans cannot be used; the message says what and the way out.
    """
    options = options or DemoOptions()
    if scans.followup is None and scans.baseline.lesions is None:
        message = (
            "A single examination without known lesions has nothing to learn from; give its lesion labelmap."
        )
        raise InputError(message)
    case = workflow.prepare(
        output / "case",
        baseline=scans.baseline,
        followup=scans.followup,
        **options.preparation,
        progress=progress,
    )
    card = read_model_card(model_of_case(case))
    run = _Run(scans, options, case, card, [note for r in case.examinations.values() for note in r.notes])
    slices = _correct(run)
    base = workflow.segment(case, examination=run.judged, weights="base", repetitions=0, progress=progress)
    workflow.tune(case, **options.tuning, progress=progress)
    tuned = workflow.segment(case, examination=run.judged, repetitions=options.repetitions, progress=progress)
    metrics = {"base": _judge(run, base), "tuned": _judge(run, tuned)}
    _leave(run, output, base, tuned, metrics, slices)
    return {
        **metrics,
        "corrected_slices": slices,
        "lesions": tuned.lesions,
        "volume_ml": tuned.volume_ml,
        "change": tuned.run.get("change", {}),
        "notes": run.notes,
        "output": str(output),
    }


def _correct(run: _Run) -> list[int]:
    """Propose slices and take their corrections from the known labels; returns the corrected slices."""
    known = _known_baseline(run)
    allowed, _ = run.halves()
    with_lesion = set(lesion_slices(known & open_examination(run.case, "baseline").organ_mask))
    if not with_lesion & set(allowed):
        message = (
            "The baseline shows no lesion on the slices that may be corrected; give another baseline or half."
        )
        raise InputError(message)
    among = "lesion" if run.slices is None else run.options.among
    slices = _proposed(run, among, allowed, known)
    if not with_lesion & set(slices):
        slices = _proposed(run, "lesion", allowed, known)
        run.notes.append(
            "The proposed slices show no lesion, so slices with a lesion were corrected instead."
        )
    only_these = np.zeros_like(known)
    only_these[slices] = known[slices]
    grid = run.case.record("baseline").working_grid
    labels = run.case.folder / "corrections.nii.gz"
    write_volume(grid.image(only_these.astype(np.uint8)), labels)
    workflow.annotate(run.case, labels, slices=slices)
    return slices


def _proposed(run: _Run, among: str, allowed: list[int], known: NDArray[np.bool_]) -> list[int]:
    proposals = workflow.propose(run.case, count="all", among=among, lesion_labels=known)
    return [p.slice for p in proposals if p.slice in set(allowed)][: run.slices]


def _known_baseline(run: _Run) -> NDArray[np.bool_]:
    """Known lesions of the baseline on its working grid; without any, what the base CNN found is accepted."""
    path = run.scans.baseline.lesions
    if path is not None:
        return labels_on_working_grid(run.case, path, "lesion labelmap")
    baseline = open_examination(run.case, "baseline")
    run.notes.append(
        "The lesions of the baseline are not known: what the base CNN found on the proposed slices was accepted"
        " uncorrected, so little can be learned."
    )
    return binarize(baseline.base_probability, baseline.organ_mask, run.card.post_processing)


def _judge(run: _Run, result: Result) -> dict[str, float | None]:
    if run.known is not None:
        return workflow.evaluate(run.case, run.known, number=result.number, slices=run.halves()[1])
    if run.scans.change_mask is not None:
        return evaluate_change(run.case, result, run.scans.change_mask)
    return dict.fromkeys(metric_names(run.card.task))


def _leave(
    run: _Run, output: Path, base: Result, tuned: Result, metrics: dict[str, Any], slices: list[int]
) -> None:
    """Copy and write what the demo promises into the output folder."""
    for name in COPIED:
        if (tuned.folder / name).is_file():
            _copy(tuned.folder / name, output / name)
    _copy(base.labelmap, output / "base_labelmap.nii.gz")
    write_text(output / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    judged_by = "the known lesions" if run.known is not None else "the known change"
    if run.known is None and run.scans.change_mask is None:
        judged_by = ""
    elif run.single:
        judged_by += f" of the slices that are not {run.options.half}"
    write_text(output / "metrics.md", metrics_markdown(metrics, slices, judged_by, run.notes))
    draw_result(run.case, base, tuned, run.known, metrics, output / "overview.png")


def _copy(source: Path, target: Path) -> None:
    with replace_when_complete(target) as temporary:
        shutil.copyfile(source, temporary)
