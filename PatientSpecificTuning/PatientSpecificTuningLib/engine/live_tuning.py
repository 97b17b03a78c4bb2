"""Learning while slices are being corrected: what a CNN that knows the corrections so far finds on all other slices.

It makes no version. A tuning that is asked for takes its weights where nothing changed since.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .case.annotation import annotation_of
from .case.annotation import labels_of_baseline
from .case.case import CaseLike
from .case.case import opened
from .fine_tuning import learned_head
from .fine_tuning import settings_of
from .images.geometry import return_to_user_grid
from .lesions.lesions import binarize
from .live_files import LiveTuning
from .live_files import write_live
from .network.device import on_best_device
from .network.model_choice import model_of_case
from .network.prepared import PreparedExamination
from .network.prepared import open_examination
from .origins import making_of
from .origins import origin_of_tuning
from .progress import Progress
from .progress import part
from .tuning.plan import DEFAULT
from .tuning.slice_proposal import DISTANCE_MM
from .tuning.slice_proposal import PAPER
from .tuning.slice_proposal import SliceProposal
from .tuning.slice_proposal import doubt_per_slice
from .tuning.slice_proposal import propose_slices


def learn_so_far(
    case: CaseLike,
    labels: Path | str,
    slices: Sequence[int],
    *,
    settings: str = DEFAULT,
    iterations: int = 100,
    learning_rate: float | None = None,
    weighting: str | None = None,
    rotation_degrees: float = 45.0,
    seed: int = 0,
    criterion: str = PAPER,
    distance_mm: float = DISTANCE_MM,
    progress: Progress | None = None,
) -> LiveTuning:
    """Tune from the base weights on the slices corrected so far, and look at all others with what was learned.

    Args:
        labels: labelmap of the baseline; only `slices` of it are learned from.
        slices: the corrected slices, by index on the working grid.
        settings: "default" or "paper", as `tune` takes them.
        criterion: by which slices are proposed next; the paper's always goes by what the base CNN finds. How much of
            each is in doubt goes by what was learned.

    Raises:
        InputError: the baseline is not prepared, the labelmap cannot be used, or a slice lies outside the baseline.
    """
    from .network.model_folder import load_model
    from .network.prediction import predict_probability
    from .network.tuned_head import tuned_head

    case, start = opened(case), time.monotonic()
    baseline = open_examination(case, "baseline")
    annotation = annotation_of(labels_of_baseline(case, Path(labels), "lesion labelmap"), slices)
    chosen = settings_of(
        case,
        settings,
        iterations=iterations,
        learning_rate=learning_rate,
        weighting=weighting,
        rotation_degrees=rotation_degrees,
        seed=seed,
    )
    card, network = load_model(model_of_case(case))
    organ, probability, tuned = baseline.organ_mask, baseline.base_probability, None
    if (annotation.labels & organ)[list(annotation.slices)].any():
        tuned = learned_head(case, network, baseline, annotation, chosen, part(progress, 0.0, 0.6))
        head, store, rest = tuned_head(network, tuned), baseline.features(), part(progress, 0.6, 1.0)
        probability = on_best_device(lambda d: predict_probability(head, store, device=d, progress=rest))
    grid = baseline.record.working_grid
    proposals = _proposals(baseline, probability, annotation.slices, criterion, distance_mm)
    lesions = binarize(probability, organ, card.post_processing)
    shown = return_to_user_grid(lesions, grid, baseline.record.user_grid, labels=True)
    origin = origin_of_tuning(case, annotation, chosen) | making_of(start)
    return write_live(case, origin, shown, probability, proposals, tuned)


def _proposals(
    baseline: PreparedExamination,
    probability: NDArray[np.float32],
    corrected: Sequence[int],
    criterion: str,
    distance_mm: float,
) -> list[SliceProposal]:
    """The other slices, best first, each with what is in doubt on it now."""
    organ = baseline.organ_mask
    proposals = propose_slices(
        baseline.base_probability if criterion == PAPER else probability,
        organ,
        count=None,
        criterion=criterion,
        corrected=corrected,
        slice_mm=baseline.record.working_grid.spacing[2],
        distance_mm=distance_mm,
    )
    doubts = doubt_per_slice(probability, organ)
    return [replace(proposal, doubt_voxels=float(doubts[proposal.slice])) for proposal in proposals]
