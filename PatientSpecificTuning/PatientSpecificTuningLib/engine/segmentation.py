"""From a prepared examination and a head to a written result: probability, uncertainty, lesions and change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .annotation import load_tuned_annotation
from .atomic import replace_when_complete
from .case import Case
from .geometry import resample_labelmap
from .lesions import binarize
from .model_card import ModelCard
from .model_choice import model_of_case
from .prepared import PreparedExamination
from .prepared import open_examination
from .progress import Progress
from .progress import within
from .registration import align
from .results import Segmentation
from .results import write_result

if TYPE_CHECKING:
    from .network import Head

TRANSFORM = "baseline_to_followup.tfm"


def segment_examination(
    case: Case, folder: Path, run: dict[str, Any], *, progress: Progress | None = None
) -> None:
    """Segment as `run` says (examination, tuned, repetitions, seed, with_change) and write the result into `folder`.

    Raises:
        InputError: files of the case are missing or damaged, or the disk is full.
    """
    from .model_folder import load_model
    from .prediction import monte_carlo_dropout
    from .prediction import predict_probability
    from .tuning import load_tuned_head

    card, network = load_model(model_of_case(case))
    tuned = run["tuned"]
    head = network.head if tuned is None else load_tuned_head(case.version_folder("tuned", tuned), network)
    examination = open_examination(case, run["examination"])
    store = examination.features()
    probability = predict_probability(head, store, progress=progress)
    deviation = None
    if run["repetitions"] > 0:
        _, deviation = monte_carlo_dropout(
            head, store, repetitions=run["repetitions"], seed=run["seed"], progress=progress
        )
    record = examination.record
    segmentation = Segmentation(
        binarize(probability, examination.organ_mask, card.post_processing),
        probability,
        deviation,
        record.working_grid,
        record.user_grid,
    )
    earlier = None
    if run["with_change"]:
        earlier = _baseline_lesions_on_followup(case, head, card, examination, tuned, progress)
    write_result(folder, segmentation, run, baseline_lesions=earlier)


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
    from .prediction import predict_probability

    baseline = open_examination(case, "baseline")
    probability = predict_probability(head, baseline.features(), progress=within(progress, "baseline"))
    lesions = binarize(probability, baseline.organ_mask, card.post_processing)
    if tuned is not None:
        annotation = load_tuned_annotation(case, tuned)
        lesions[list(annotation.slices)] = annotation.labels[list(annotation.slices)]
    image = baseline.record.working_grid.image(lesions.astype(np.uint8))
    transform = _transform_between(case, baseline, followup, card.pathways[0].key_index, progress)
    return sitk.GetArrayFromImage(resample_labelmap(image, followup.record.user_grid, transform)) > 0


def _transform_between(
    case: Case,
    baseline: PreparedExamination,
    followup: PreparedExamination,
    key: int,
    progress: Progress | None,
) -> sitk.Transform:
    """Maps points of the follow-up to the baseline, found on the channel `key`; computed once, kept in the case."""
    path = case.folder / TRANSFORM
    if path.is_file():
        return sitk.ReadTransform(str(path))
    moving = baseline.record.working_grid.image(np.asarray(baseline.images[key]))
    fixed = followup.record.working_grid.image(np.asarray(followup.images[key]))
    mask = followup.record.working_grid.image(followup.organ_mask.astype(np.uint8))
    transform = align(moving, fixed, method="rigid", fixed_mask=mask, progress=progress)
    with replace_when_complete(path) as temporary:
        sitk.WriteTransform(transform, str(temporary))
    return transform
