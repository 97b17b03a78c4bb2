"""From a prepared examination and a head to a written result: probability, uncertainty, lesions and change."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.case import Case
from ..images.geometry import resample_labelmap
from ..images.geometry import return_to_user_grid
from ..model.card import ModelCard
from ..network.device import on_best_device
from ..network.model_choice import model_of_case
from ..network.prepared import PreparedExamination
from ..network.prepared import open_examination
from ..progress import Progress
from .baseline_prior import LesionPriors
from .baseline_prior import local_threshold
from .baseline_prior import risen
from .brightening import brightening
from .change_evidence import ChangeSettings
from .comparison import Comparison
from .comparison import settings_for
from .earlier_lesions import EarlierLesions
from .earlier_lesions import brightness_of
from .earlier_lesions import earlier_lesions
from .earlier_lesions import labels_on_grid
from .earlier_lesions import lesion_logit
from .extent_uncertainty import ExtentCounter
from .extent_uncertainty import lesion_zones
from .lesions import binarize
from .results import Result
from .results import Segmentation
from .results import add_uncertainty
from .results import lesion_numbers
from .results import write_result

if TYPE_CHECKING:
    from ..network.network import Head


def segment_examination(
    case: Case, folder: Path, run: dict[str, Any], *, progress: Progress | None = None
) -> None:
    """Segment as `run` says and write the result, without uncertainty, into `folder`.

    Args:
        run: examination, tuned, with_change, change_settings, priors.

    Raises:
        InputError: files of the case are missing or damaged, or the disk is full.
    """
    from .uncertainty import predict_with_deviation

    start = time.monotonic()
    card, head = _head(case, run["tuned"])
    examination = open_examination(case, run["examination"])
    record = examination.record
    store = examination.features()
    probability, deviation = on_best_device(
        lambda d: predict_with_deviation(head, store, device=d, progress=progress)
    )
    organ, grids = examination.organ_mask, (record.working_grid, record.user_grid)
    if not run["with_change"]:
        lesions = binarize(probability, organ, card.post_processing)
        found = Segmentation(lesions, probability, *grids)
        write_result(folder, found, {**run, "seconds": time.monotonic() - start})
        return
    earlier = earlier_lesions(case, head, card, record.user_grid, run["tuned"], progress=progress)
    settings = settings_for(ChangeSettings(**run["change_settings"]), earlier.alignment.quality)
    brightened = _brightened(card, earlier, examination)
    threshold = _threshold(card, earlier, examination, probability, brightened, settings, run["priors"])
    lesions = binarize(probability, organ, card.post_processing, threshold=threshold)
    segmentation = Segmentation(lesions, probability, *grids)
    comparison = Comparison(earlier, organ, deviation, brightened, settings, case.dates)
    run = {**run, "seconds": time.monotonic() - start}
    write_result(folder, segmentation, run, comparison=comparison)


def _brightened(
    card: ModelCard, earlier: EarlierLesions, followup: PreparedExamination
) -> NDArray[np.float32] | None:
    """How much brighter the follow-up is on its user grid; None where the model sees no image of bright lesions."""
    grid = followup.record.user_grid
    later = brightness_of(followup, card, grid)
    if later is None or earlier.brightness is None:
        return None
    x, y, z = grid.spacing
    return brightening(earlier.brightness, later, (x, y, z))


def _threshold(
    card: ModelCard,
    earlier: EarlierLesions,
    followup: PreparedExamination,
    probability: NDArray[np.float32],
    brightened: NDArray[np.float32] | None,
    settings: ChangeSettings,
    asked: dict[str, float] | None,
) -> NDArray[np.float32] | None:
    """The threshold of every voxel of the working grid; None where the baseline is not asked."""
    if asked is None:
        return None
    priors, grids = LesionPriors(**asked), (followup.record.working_grid, followup.record.user_grid)
    x, y, z = grids[1].spacing
    logit = lesion_logit(sitk.GetArrayFromImage(return_to_user_grid(probability, *grids, labels=False)))
    threshold = card.post_processing.threshold
    rise = np.zeros_like(earlier.mask)
    if priors.risen and brightened is not None:
        rise = risen(earlier.seen, logit, brightened, threshold, priors.risen, (x, y, z), settings)
    lesions, risen_tissue = (
        sitk.GetArrayFromImage(resample_labelmap(grids[1].image(mask.astype(np.uint8)), grids[0])) > 0
        for mask in (earlier.mask, rise)
    )
    return local_threshold(threshold, lesions, risen_tissue, priors)


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

    card, head = _head(case, result.run["tuned"])
    examination = open_examination(case, result.run["examination"])
    store, record = examination.features(), examination.record
    zones, lesions = _zones_of(result, examination, store.kept)

    def sample(device: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        repetitions, seed = dropout["repetitions"], dropout["seed"]
        extent = ExtentCounter(zones, lesions, card.post_processing.threshold, repetitions)
        _mean, deviation = monte_carlo_dropout(
            head, store, repetitions=repetitions, seed=seed, extent=extent, device=device, progress=progress
        )
        return deviation, extent.uncertainty()

    deviation, extent = on_best_device(sample)
    with case.additions("results", result.number) as folder:
        add_uncertainty(folder, result, deviation, extent, (record.working_grid, record.user_grid), dropout)


def _zones_of(
    result: Result, examination: PreparedExamination, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], int]:
    """The lesion that each voxel with features lies near, 0 for none, and the number of lesions."""
    record, labels = examination.record, lesion_numbers(result)
    straight = sitk.Transform(3, sitk.sitkIdentity)
    on_grid = labels_on_grid(labels, record.user_grid, record.working_grid, straight)
    zones = lesion_zones(on_grid, record.working_grid.spacing[::-1])
    return zones[kept], int(labels.max(initial=0))


def _head(case: Case, tuned: str | None) -> tuple[ModelCard, Head]:
    from ..network.model_folder import load_model
    from ..network.tuned_head import load_tuned_head

    card, network = load_model(model_of_case(case))
    if tuned is None:
        return card, network.head
    return card, load_tuned_head(case.version_folder("tuned", tuned), network)
