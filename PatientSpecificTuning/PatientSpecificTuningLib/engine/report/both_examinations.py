"""Both examinations on the follow-up's grid, as the pictures of the report show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.case import Case
from ..images.geometry import Grid
from ..images.geometry import resample
from ..images.volumes import read_stored
from ..lesions.alignment import alignment_of
from ..lesions.results import LESION_LABELS
from ..lesions.results import Result
from ..model.card import read_model_card
from ..network.model_choice import model_of_case
from ..network.prepared import open_examination


@dataclass(frozen=True)
class BothExaminations:
    """Both examinations on the follow-up's working grid, arrays (Z, Y, X).

    Attributes:
        baseline: image of the first sequence, brought onto the follow-up.
        followup: the same of the follow-up.
        baseline_labels: numbers of the baseline's lesions.
        followup_labels: numbers of the follow-up's lesions.
        map: where tissue is new or lost, as in the result.
        organ: bool.
        grid: the working grid.
    """

    baseline: NDArray[np.float32]
    followup: NDArray[np.float32]
    baseline_labels: NDArray[np.integer]
    followup_labels: NDArray[np.integer]
    map: NDArray[np.integer]
    organ: NDArray[np.bool_]
    grid: Grid


def both_examinations(case: Case, result: Result) -> BothExaminations:
    """Read what the pictures of a result show.

    Raises:
        InputError: files of the case are missing or damaged.
    """
    followup, baseline = open_examination(case, "followup"), open_examination(case, "baseline")
    grid, key = followup.record.working_grid, read_model_card(model_of_case(case)).pathways[0].key_index
    moving = baseline.record.working_grid.image(np.asarray(baseline.images[key]))
    brought = resample(moving, grid, transform=alignment_of(case).transform)
    labels = [
        sitk.GetArrayFromImage(resample(read_stored(path), grid, interpolation="nearest"))
        for path in (result.baseline_labels, result.folder / LESION_LABELS, result.change_map)
    ]
    return BothExaminations(
        baseline=sitk.GetArrayFromImage(brought),
        followup=np.asarray(followup.images[key]),
        baseline_labels=labels[0],
        followup_labels=labels[1],
        map=labels[2],
        organ=followup.organ_mask,
        grid=grid,
    )
