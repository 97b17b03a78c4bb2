"""The few verbs of the method as functions: prepare, propose, annotate, tune, segment, evaluate.

Each works on a case folder, opened or given by its path, and does nothing twice for the same input.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .case.annotation import Annotation
from .case.annotation import labels_on_working_grid
from .case.annotation import lesion_slices
from .case.annotation import save_annotation
from .case.case import Case
from .case.case import CaseLike
from .case.case import opened
from .case.dicom_headers import header_dates
from .case.layout import EXAMINATIONS
from .case.layout import case_exists
from .case.layout import remove_unfinished
from .case.preparation import KEPT_FROM
from .case.preparation import Channels
from .case.preparation import ExaminationInput
from .case.preparation import Files
from .case.preparation import PreparationOptions
from .case.preparation import examination_inputs
from .case.preparation import given_files
from .case.preparation import preprocess_inputs
from .case.preparation import record_of
from .errors import InputError
from .fine_tuning import prepare_tuning as prepare_tuning
from .fine_tuning import tune as tune
from .fine_tuning import tuned_number
from .images.preprocessing import Preprocessed
from .judging.evaluation import evaluate_result
from .lesions.alignment import alignment_of
from .lesions.baseline_prior import priors_for
from .lesions.change_evidence import ChangeSettings
from .lesions.results import WITHOUT_DROPOUT
from .lesions.results import Result
from .lesions.results import checked_run
from .lesions.results import require_dropout
from .lesions.segmentation import compute_uncertainty
from .lesions.segmentation import segment_examination
from .live_tuning import learn_so_far as learn_so_far
from .model.card import read_model_card
from .network.model_choice import choose_model
from .network.model_choice import model_identity
from .network.model_choice import model_of_case
from .network.prepared import SeenExamination
from .network.prepared import open_examination
from .network.prepared import write_examination
from .origins import making_of
from .origins import origin_of_result
from .progress import Progress
from .progress import within
from .tuning.slice_proposal import PAPER
from .tuning.slice_proposal import SliceProposal
from .tuning.slice_proposal import propose_slices

if TYPE_CHECKING:
    from .network.network import DualPathwayNetwork


def prepare(
    folder: Path | str,
    *,
    baseline: Files | None = None,
    followup: Files | None = None,
    baseline_mask: Path | str | None = None,
    followup_mask: Path | str | None = None,
    baseline_channels: Channels | None = None,
    followup_channels: Channels | None = None,
    model: Path | str | None = None,
    registration: str | None = None,
    motion_correction: str | None = None,
    bias_correction: bool | None = None,
    missing_sequence: str = "error",
    kept_from: float = KEPT_FROM,
    with_change: bool = True,
    seen: SeenExamination | None = None,
    progress: Progress | None = None,
) -> Case:
    """Bring one or both examinations of a patient into a case folder, with features and base-model probability.

    Images are checked and preprocessed before the folder is made. What the case holds already is not made again.
    DICOM folders must be of one patient, and say when the examinations were made.

    Args:
        folder: the case folder, new or to be resumed.
        baseline: files by sequence name; several files of one sequence are its channels.
        followup: the same for the follow-up.
        baseline_mask: organ mask; without one a brain mask is estimated, for other organs it is needed.
        followup_mask: the same for the follow-up.
        baseline_channels: by sequence name, which of its volumes, counted from 1, serves each channel of the model,
            such as {"DCE": (1, 1, 2, 3)}; needed only where volumes are missing or in another order.
        followup_channels: the same for the follow-up.
        model: a model folder or the name of a shipped model; None is the default shipped model.
        registration: how the other sequences are brought onto the first, "rigid", "bspline" or "none"; None as the
            model card says.
        motion_correction: "groupwise" brings the volumes of the first sequence into one position, "none" takes all
            as they lie; None as the model card says.
        bias_correction: N4 on or off; None as the model card says.
        missing_sequence: "error", or "zero" to do without a sequence that the model card names as dispensable.
        kept_from: the least softmax of the base CNN at which a lesion is possible; 0 looks at every voxel of the organ,
            as the paper does, and takes three times as long and as much space.
        with_change: also find how the examinations lie to each other, which only the table of change needs; here nobody
            waits for a click to take effect.
        seen: told what the base CNN finds on each slice as soon as that is known, the middle of the baseline first.

    Raises:
        InputError: something cannot be used; the message says what and the way out.
    """
    from .network.model_folder import load_model

    model_folder = choose_model(model)
    given = {
        name: given_files(files, mask, channels)
        for name, files, mask, channels in (
            ("baseline", baseline, baseline_mask, baseline_channels),
            ("followup", followup, followup_mask, followup_channels),
        )
        if files is not None
    }
    options = PreparationOptions(
        registration, bias_correction, missing_sequence, motion_correction, kept_from
    )
    identity = model_identity(model_folder)
    inputs = examination_inputs(given, read_model_card(model_folder), options)
    known = Case.create(Path(folder), model=identity) if case_exists(Path(folder)) else None
    dates = header_dates(given, known)
    inputs = [source for source in inputs if known is None or not source.is_prepared_in(known)]
    if known is not None and not inputs:
        return _completed(known, dates)
    card, network = load_model(model_folder)
    done = preprocess_inputs(inputs, card, progress=progress)
    case = Case.create(Path(folder), model=identity)
    for source, arrays in zip(inputs, done, strict=True):
        _add_examination(case, source, arrays, network, seen, progress)
    if dates:
        case.set_dates(**dates)
    if with_change and len(case.examinations) == len(EXAMINATIONS):
        alignment_of(case, progress=within(progress, "both"))
    return case


def _add_examination(
    case: Case,
    source: ExaminationInput,
    arrays: Preprocessed,
    network: DualPathwayNetwork,
    seen: SeenExamination | None,
    progress: Progress | None,
) -> None:
    told = None if seen is None else seen(source.name, arrays.working_grid)
    report, kept_from = within(progress, source.name), source.options.kept_from
    with case.new_examination(source.name, record_of(source, arrays)) as files:
        write_examination(files, arrays, network, kept_from, seen=told, progress=report)


def _completed(case: Case, dates: dict[str, date]) -> Case:
    """A case whose examinations are there; the process that prepared them may have been ended before its last step."""
    remove_unfinished(case.folder)
    if dates:
        case.set_dates(**dates)
    return case


def propose(
    case: CaseLike,
    *,
    count: int | str | None = None,
    among: str | None = None,
    lesion_labels: NDArray[np.bool_] | None = None,
    criterion: str = PAPER,
    distance_mm: float | None = None,
) -> list[SliceProposal]:
    """The baseline slices from which the CNN can learn most, best first.

    Args:
        count: how many, or "all"; None is what the model card says.
        among: "organ" for all slices of the organ, "lesion" for slices with a lesion; None is "organ", but "lesion"
            where the model card asks for all.
        lesion_labels: bool (Z, Y, X) on the working grid; without it a lesion is what the base CNN found.
        criterion: "paper" for the score of the paper, "gain" for what a correction is expected to change.
        distance_mm: how far apart slices lie where there are enough; None is 10 mm for "gain" and no condition for
            "paper".

    Raises:
        InputError: the baseline is not prepared, or there is no slice to choose from.
    """
    case = opened(case)
    baseline = open_examination(case, "baseline")
    if count is None:
        count = read_model_card(model_of_case(case)).proposed_slices or "all"
        among = among or ("lesion" if count == "all" else "organ")
    return propose_slices(
        baseline.base_probability,
        baseline.organ_mask,
        count=None if count == "all" else int(count),
        among=among or "organ",
        lesion_labels=lesion_labels,
        criterion=criterion,
        slice_mm=baseline.record.working_grid.spacing[2],
        distance_mm=distance_mm,
    )


def annotate(case: CaseLike, labels: Path | str, *, slices: Sequence[int] | None = None) -> Annotation:
    """Take lesion labels of the baseline into the case and remember which slices are corrected.

    Args:
        labels: a labelmap on any grid that covers the baseline.
        slices: indices on the working grid; None for every slice with a label. Only these are learned from, also
            where they show no lesion.

    Raises:
        InputError: the labelmap cannot be used or shows no lesion, or a slice lies outside the baseline.
    """
    case = opened(case)
    array = labels_on_working_grid(case, Path(labels), "lesion labelmap")
    return save_annotation(case, array, lesion_slices(array) if slices is None else slices)


def segment(
    case: CaseLike,
    *,
    examination: str = "followup",
    weights: str = "current",
    repetitions: int = 25,
    seed: int = 0,
    change: ChangeSettings | None = None,
    baseline_prior: float = 0.0,
    new_lesion_prior: float | None = None,
    progress: Progress | None = None,
) -> Result:
    """Find the lesions of an examination and write a result, which becomes the current one.

    The lesions are complete on disk before the uncertainty is computed. A result that was made without repetitions
    gets its uncertainty when it is asked for later.

    Args:
        examination: "followup" or "baseline".
        weights: "current", "base", or the number of a tuned version.
        repetitions: Monte Carlo dropout repetitions for the uncertainty, 0 where lesions are enough.
        seed: seed of the dropout.
        change: what counts as change between the examinations; None is the default.
        baseline_prior: by how much the logit of the threshold is lower where the baseline had a lesion; 0 for none.
        new_lesion_prior: the same where logit and brightness have risen since the baseline beyond repeated measurement;
            None is what the model does best with, 0 is without.

    Raises:
        InputError: the examination is not prepared, there is no such tuned version, or a prior is asked for where
            there is no baseline to compare with, or one of new lesions for a model that sees no image of bright lesions.
    """
    case = opened(case)
    require_dropout(repetitions, seed)
    priors = priors_for(case, examination, baseline_prior, new_lesion_prior)
    tuned, settings = tuned_number(case, weights), change or ChangeSettings()
    origin = origin_of_result(case, examination, tuned, settings, priors)
    # Lesions alone are those of any result, whatever its uncertainty.
    dropout = {"repetitions": repetitions, "seed": seed} if repetitions > 0 else {}
    if (number := case.made_before("results", {**origin, **dropout})) is not None:
        return result(case, number)
    number = case.made_before("results", {**origin, **WITHOUT_DROPOUT})
    if number is None:
        with case.new_version("results", origin={**origin, **WITHOUT_DROPOUT}) as folder:
            segment_examination(case, folder, {**origin, **making_of()}, progress=progress)
        # Read now: another process may move the pointer while the uncertainty is computed.
        number = str(case.current["results"])
    if repetitions > 0:
        compute_uncertainty(case, result(case, number), dropout, progress=progress)
    return result(case, number)


def evaluate(
    case: CaseLike,
    reference: Path | str,
    *,
    number: str = "current",
    slices: Sequence[int] | None = None,
) -> dict[str, float | None]:
    """Compare a result with known lesions by the metrics of the model's task; None where undefined.

    These are dice, avd, hd95, recall and f1 for segmentation, and tpr, fpc, f1, dice, tpr_small and tpr_large for
    detection, which also leaves detections.nii.gz and detections.csv in the folder of the result.

    Args:
        reference: labelmap of the known lesions, on any grid.
        number: "current" or the number of a result.
        slices: judge these slices of the working grid only; None judges everything on the user's grid.

    Raises:
        InputError: there is no such result, or the labelmap cannot be used.
    """
    case = opened(case)
    return evaluate_result(case, result(case, number), Path(reference), slices=slices)


def result(case: CaseLike, number: str = "current") -> Result:
    """A complete result of the case.

    Raises:
        InputError: there is no such result.
    """
    case = opened(case)
    chosen = case.current["results"] if number == "current" else number
    if chosen is None:
        message = f"{case.folder} has no result yet; run segment first."
        raise InputError(message)
    folder = case.version_folder("results", chosen)
    return Result(chosen, folder, checked_run(folder, case.version_info("results", chosen)))
