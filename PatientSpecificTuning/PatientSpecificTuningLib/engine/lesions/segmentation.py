"""From a prepared examination and a head to a written result: probability, uncertainty, lesions and change."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.annotation import load_tuned_annotation
from ..case.case import Case
from ..errors import InputError
from ..files.atomic import replace_when_complete
from ..images.geometry import resample_labelmap
from ..images.registration import align
from ..model.card import ModelCard
from ..model.card import read_model_card
from ..network.device import on_best_device
from ..network.model_choice import model_of_case
from ..network.prepared import PreparedExamination
from ..network.prepared import open_examination
from ..progress import Progress
from ..progress import within
from .lesions import binarize
from .results import Result
from .results import Segmentation
from .results import add_uncertainty
from .results import write_result

if TYPE_CHECKING:
    from ..network.network import Head

TRANSFORM = "baseline_to_followup.tfm"


def segment_examination(
    case: Case, folder: Path, run: dict[str, Any], *, progress: Progress | None = None
) -> None:
    """Segment as `run` says (examination, tuned, with_change) and write the result, without uncertainty, into `folder`.

    Raises:
        InputError: files of the case are missing or damaged, or the disk is full.
    """
    from ..network.prediction import predict_probability

    card, head = _head(case, run["tuned"])
    examination = open_examination(case, run["examination"])
    record = examination.record
    store = examination.features()
    probability = on_best_device(lambda d: predict_probability(head, store, device=d, progress=progress))
    lesions = binarize(probability, examination.organ_mask, card.post_processing)
    segmentation = Segmentation(lesions, probability, record.working_grid, record.user_grid)
    earlier = None
    if run["with_change"]:
        earlier = _baseline_lesions_on_followup(case, head, card, examination, run["tuned"], progress)
    write_result(folder, segmentation, run, baseline_lesions=earlier)


def compute_uncertainty(
    case: Case, result: Result, dropout: dict[str, int], *, progress: Progress | None = None
) -> None:
    """Add the uncertainty to a result that has none.

    Args:
        dropout: "repetitions" and "seed".

    Raises:
        InputError: files of the case are missing or damaged, or the disk is full.
    """
    from .uncertainty import monte_carlo_dropout

    _card, head = _head(case, result.run["tuned"])
    examination = open_examination(case, result.run["examination"])
    store = examination.features()

    def sample(device: str) -> NDArray[np.float32]:
        repetitions, seed = dropout["repetitions"], dropout["seed"]
        return monte_carlo_dropout(
            head, store, repetitions=repetitions, seed=seed, device=device, progress=progress
        )[1]

    deviation = on_best_device(sample)
    record = examination.record
    with case.additions("results", result.number) as folder:
        add_uncertainty(folder, result, deviation, record.working_grid, record.user_grid, dropout)


def _head(case: Case, tuned: str | None) -> tuple[ModelCard, Head]:
    from ..network.model_folder import load_model
    from ..network.tuned_head import load_tuned_head

    card, network = load_model(model_of_case(case))
    if tuned is None:
        return card, network.head
    return card, load_tuned_head(case.version_folder("tuned", tuned), network)


def _baseline_lesions_on_followup(
    case: Case,
    head: Head,
    card: ModelCard,
    followup: PreparedExamination,
    tuned: str | None,
    progress: Progress | None,
) -> NDArray[np.bool_]:
    """Lesions of the baseline on the follow-up's user grid, bool (Z, Y, X).

    The same head finds them, so that change is not a matter of two CNNs; corrected slices are taken as corrected.
    """
    from ..network.prediction import predict_probability

    baseline = open_examination(case, "baseline")
    store, reporting = baseline.features(), within(progress, "baseline")
    probability = on_best_device(lambda d: predict_probability(head, store, device=d, progress=reporting))
    lesions = binarize(probability, baseline.organ_mask, card.post_processing)
    if tuned is not None:
        annotation = load_tuned_annotation(case, tuned)
        lesions[list(annotation.slices)] = annotation.labels[list(annotation.slices)]
    image = baseline.record.working_grid.image(lesions.astype(np.uint8))
    transform = transform_between(case, progress=progress)
    return sitk.GetArrayFromImage(resample_labelmap(image, followup.record.user_grid, transform)) > 0


def transform_between(case: Case, *, progress: Progress | None = None) -> sitk.Transform:
    """Maps points of the follow-up to the baseline; computed once and kept in the case.

    Raises:
        InputError: an examination is not prepared, or they cannot be brought together.
    """
    path = case.folder / TRANSFORM
    if path.is_file():
        with suppress(RuntimeError):
            # A damaged one is found anew.
            return sitk.ReadTransform(str(path))
    baseline, followup = open_examination(case, "baseline"), open_examination(case, "followup")
    key = read_model_card(model_of_case(case)).pathways[0].key_index
    moving = baseline.record.working_grid.image(np.asarray(baseline.images[key]))
    fixed = followup.record.working_grid.image(np.asarray(followup.images[key]))
    mask = followup.record.working_grid.image(followup.organ_mask.astype(np.uint8))
    transform = align(moving, fixed, method="rigid", fixed_mask=mask, name="baseline", progress=progress)
    with replace_when_complete(path, parents=False) as temporary:
        try:
            sitk.WriteTransform(transform, str(temporary))
            sitk.ReadTransform(str(temporary))
        except RuntimeError as error:
            message = f"{path.name} cannot be written to {path.parent}; free some space and run again."
            raise InputError(message) from error
    return transform
