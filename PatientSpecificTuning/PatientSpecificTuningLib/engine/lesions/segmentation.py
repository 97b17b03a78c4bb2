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
from ..images.geometry import Grid
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
from .both_images import images_of_both
from .change_evidence import ChangeSettings
from .comparison import Comparison
from .comparison import settings_for
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
    shown = _for_user(probability, *grids)
    comparison, threshold = None, None
    if run["with_change"]:
        earlier = earlier_lesions(case, head, card, record.user_grid, run["tuned"], progress=progress)
        images = images_of_both(card, earlier.examination, examination, earlier.alignment.transform)
        comparison = Comparison(
            earlier,
            images.organ,
            lesion_logit(shown),
            _for_user(deviation, *grids),
            images.brightened,
            settings_for(ChangeSettings(**run["change_settings"]), earlier.alignment.quality),
            case.dates,
        )
        threshold = _threshold(card, comparison, grids, run["priors"])
    lesions = binarize(probability, organ, card.post_processing, threshold=threshold)
    segmentation = Segmentation(return_to_user_grid(lesions, *grids, labels=True), shown, record.user_grid)
    run = {**run, "seconds": time.monotonic() - start}
    write_result(folder, segmentation, run, comparison=comparison)


def _for_user(values: NDArray[np.float32], working: Grid, user: Grid) -> NDArray[np.float32]:
    shown: NDArray[np.float32] = sitk.GetArrayFromImage(
        return_to_user_grid(values, working, user, labels=False)
    )
    return shown


def _threshold(
    card: ModelCard, comparison: Comparison, grids: tuple[Grid, Grid], asked: dict[str, float] | None
) -> NDArray[np.float32] | None:
    """The threshold of every voxel of the working grid; None where the baseline is not asked."""
    if asked is None:
        return None
    priors, earlier = LesionPriors(**asked), comparison.earlier
    x, y, z = grids[1].spacing
    threshold = card.post_processing.threshold
    rise = np.zeros_like(earlier.mask)
    if priors.risen and comparison.brightened is not None:
        changed = comparison.logit, comparison.brightened
        rise = risen(earlier.seen, *changed, threshold, priors.risen, (x, y, z), comparison.settings)
    kept = earlier.mask if priors.kept else np.zeros_like(earlier.mask)
    lesions, risen_tissue = (_on_working_grid(mask, *grids) for mask in (kept, rise))
    return local_threshold(threshold, lesions, risen_tissue, priors)


def _on_working_grid(mask: NDArray[np.bool_], working: Grid, user: Grid) -> NDArray[np.bool_]:
    if not mask.any():
        return np.zeros(working.shape, dtype=bool)
    moved: NDArray[np.bool_] = (
        sitk.GetArrayFromImage(resample_labelmap(user.image(mask.astype(np.uint8)), working)) > 0
    )
    return moved


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
    labels = lesion_numbers(result)
    zones, lesions = _zones_of(labels, examination)[store.kept], int(labels.max(initial=0))

    def sample(device: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        repetitions, seed = dropout["repetitions"], dropout["seed"]
        extent = ExtentCounter(zones, lesions, card.post_processing.threshold, repetitions)
        _mean, deviation = monte_carlo_dropout(
            head, store, repetitions=repetitions, seed=seed, extent=extent, device=device, progress=progress
        )
        return deviation, extent.uncertainty()

    deviation, extent = on_best_device(sample)
    with case.additions("results", result.number) as folder:
        grids = record.working_grid, record.user_grid
        add_uncertainty(folder, result, labels, deviation, extent, grids, dropout)


def _zones_of(labels: NDArray[np.int32], examination: PreparedExamination) -> NDArray[np.int32]:
    """The lesion that each voxel of the working grid lies near, 0 for none; from lesions on the user's grid."""
    record = examination.record
    straight = sitk.Transform(3, sitk.sitkIdentity)
    on_grid = labels_on_grid(labels, record.user_grid, record.working_grid, straight)
    return lesion_zones(on_grid, record.working_grid.spacing[::-1])


def _head(case: Case, tuned: str | None) -> tuple[ModelCard, Head]:
    from ..network.model_folder import load_model
    from ..network.tuned_head import load_tuned_head

    card, network = load_model(model_of_case(case))
    if tuned is None:
        return card, network.head
    return card, load_tuned_head(case.version_folder("tuned", tuned), network)
