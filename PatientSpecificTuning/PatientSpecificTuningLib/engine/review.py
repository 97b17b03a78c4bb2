"""What surrounds a result: dates, how the examinations lie to each other, the verdict, the decision, the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from .case.annotation import Annotation
from .case.annotation import load_tuned_annotation
from .case.case import Case
from .case.case import CaseLike
from .case.case import opened
from .case.dates import parse_date
from .case.provenance import now
from .dicom.export import export_dicom
from .errors import InputError
from .fine_tuning import patch_folder
from .images.registration_quality import RegistrationQuality
from .lesions.alignment import give_transform
from .lesions.lesions import binarize
from .network.device import on_best_device
from .network.model_choice import model_of_case
from .network.prepared import PreparedExamination
from .network.prepared import open_examination
from .progress import Progress
from .report.report import write_report
from .tuning.plan import TuningSettings
from .verdict.injected import injection_check
from .verdict.leave_out import leave_slices_out
from .verdict.verdict import SMALL_MM3
from .verdict.verdict import Comparison
from .verdict.verdict import compare_found
from .verdict.verdict import decide as decide_on
from .verdict.verdict import verdict_on
from .verdict.verdict import write_verdict
from .workflow import result

if TYPE_CHECKING:
    from .network.network import DualPathwayNetwork


def set_registration(case: CaseLike, transform: Path | str | None) -> RegistrationQuality:
    """Say how the examinations lie to each other, where what was found is off; the next result uses it.

    Args:
        transform: file of an ITK transform from points of the follow-up to points of the baseline (LPS, mm); None
            finds it anew.

    Raises:
        InputError: the file is no such transform, or the examinations do not meet under it.
    """
    return give_transform(opened(case), None if transform is None else Path(transform))


def set_dates(case: CaseLike, *, baseline: str | None = None, followup: str | None = None) -> Case:
    """Say when the examinations were made, so that change can be told per year; the next result uses it.

    Args:
        baseline: a date such as 2020-01-31; None leaves it as it is.
        followup: the same for the follow-up.

    Raises:
        InputError: it is no date, or the baseline was made after the follow-up.
    """
    case = opened(case)
    case.set_dates(baseline=parse_date(baseline, "baseline"), followup=parse_date(followup, "follow-up"))
    return case


def judge(case: CaseLike, *, number: str = "current", progress: Progress | None = None) -> dict[str, Any]:
    """Whether a tuned CNN is better than the base CNN, by corrected slices that its tuning did not see.

    Every corrected slice is left out once, the CNN is tuned on the others with the same settings, and both are
    judged on the one left out. Then lesions as bright as the patient's own are put into the follow-up, where there is
    one, to see what each CNN finds of them. The verdict is also kept beside the tuned version as verdict.json.

    Args:
        number: "current" or the number of a tuned version.

    Raises:
        InputError: there is no such version, or files of the case are missing or damaged.
    """
    from .network.model_folder import load_model

    case = opened(case)
    number = _tuned_version(case, number)
    info, annotation = case.version_info("tuned", number), load_tuned_annotation(case, number)
    card, network = load_model(model_of_case(case))
    baseline = open_examination(case, "baseline")
    settings = _settings(info, number)
    start = time.monotonic()
    left_out = leave_slices_out(
        network, baseline, annotation, settings, patch_folder(case), progress=progress
    )
    labels = annotation.labels & baseline.organ_mask
    injected = _injected(case, number, network, baseline, annotation, settings.seed, progress)
    voxel = baseline.record.working_grid.voxel_volume_mm3
    learned = _learned(case, number, network, baseline, annotation)
    verdict = verdict_on(left_out, labels, voxel, card.task, injected, learned)
    made = {"settings": asdict(settings), "seconds": time.monotonic() - start, "created": now()}
    verdict |= made
    with case.additions("tuned", number) as folder:
        write_verdict(folder, verdict)
    return verdict


def _injected(
    case: Case,
    number: str,
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    annotation: Annotation,
    seed: int,
    progress: Progress | None,
) -> dict[str, Any] | None:
    """What both CNNs find of lesions put into the follow-up; None without a follow-up or without room for them."""
    from .network.tuned_head import load_tuned_head

    if "followup" not in case.examinations:
        return None
    head = load_tuned_head(case.version_folder("tuned", number), network)
    followup = open_examination(case, "followup")
    lesions = np.zeros_like(annotation.labels)
    corrected = list(annotation.slices)
    lesions[corrected] = (annotation.labels & baseline.organ_mask)[corrected]
    return injection_check(network, head, baseline, lesions, followup, seed=seed, progress=progress)


def _learned(
    case: Case,
    number: str,
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    annotation: Annotation,
) -> Comparison:
    """What the base CNN and the tuned version find on the corrected slices, which the latter has learned from."""
    from .network.prediction import predict_slices
    from .network.tuned_head import load_tuned_head

    head, store = load_tuned_head(case.version_folder("tuned", number), network), baseline.features()
    slices = list(annotation.slices)
    tuned = on_best_device(lambda device: predict_slices(head, store, slices, device=device))
    corrected = np.zeros_like(baseline.organ_mask)
    corrected[slices] = baseline.organ_mask[slices]
    known, voxel = annotation.labels & corrected, baseline.record.working_grid.voxel_volume_mm3
    processing, small = network.card.post_processing, SMALL_MM3[network.card.task]
    base, own = (
        binarize(np.where(corrected, values, 0), corrected, processing)
        for values in (baseline.base_probability, tuned)
    )
    return compare_found(known, base, own, voxel, small)


def _settings(info: dict[str, Any], number: str) -> TuningSettings:
    try:
        return TuningSettings(**info["settings"])
    except (KeyError, TypeError) as error:
        message = (
            f"The record of the tuned version {number} is damaged; tune again or choose another version."
        )
        raise InputError(message) from error


def decide(case: CaseLike, choice: str, *, by: str = "", number: str = "current") -> dict[str, Any]:
    """Record who chose the base or the tuned CNN, and make that choice the current one; nothing is deleted.

    Args:
        choice: "base" or "tuned".
        by: who decided, in the words that the record shall keep.
        number: the tuned version that was chosen or rejected, "current" for the one shown or else the newest.

    Raises:
        InputError: there is no such version, or no such choice.
    """
    case = opened(case)
    return decide_on(case, _tuned_version(case, number), choice, by)


def report(
    case: CaseLike,
    *,
    number: str = "current",
    output: Path | str | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Write one page about a result: what changed, how sure that is, and how it was made.

    Args:
        number: "current" or the number of a result of the follow-up.
        output: the HTML file, with JSON of the same content beside it; None is the folder of the result.

    Returns:
        paths by "html" and "json".

    Raises:
        InputError: there is no such result, it has no baseline to be compared with, or files are damaged.
    """
    case = opened(case)
    page = None if output is None else Path(output)
    return write_report(case, result(case, number), page, progress=progress)


def export(
    case: CaseLike,
    folder: Path | str,
    *,
    number: str = "current",
    images: Sequence[Path | str] | None = None,
) -> dict[str, str]:
    """Write a result as DICOM that belongs to the study of its images: lesions.dcm and measurements.dcm.

    Args:
        folder: where both go; earlier ones there are replaced.
        number: "current" or the number of a result.
        images: the DICOM files of the examination's first sequence; None where the case was prepared from their folder.

    Returns:
        paths by "segmentation" and "report".

    Raises:
        InputError: there is no such result, a package is missing, or there are no DICOM images to refer to.
    """
    case = opened(case)
    sources = None if images is None else [Path(image) for image in images]
    return export_dicom(case, result(case, number), Path(folder), sources)


def _tuned_version(case: Case, number: str) -> str:
    if number != "current":
        case.version_folder("tuned", number)
        return number
    versions = case.versions("tuned")
    if not versions:
        message = f"{case.folder} has no tuned version yet; run tune first."
        raise InputError(message)
    return case.current["tuned"] or versions[-1]
