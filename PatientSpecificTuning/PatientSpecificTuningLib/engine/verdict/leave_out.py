"""What heads find on corrected slices that they were not tuned on: every slice is left out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..case.annotation import Annotation
from ..lesions.lesions import binarize
from ..network.device import on_best_device
from ..network.prepared import PreparedExamination
from ..progress import Progress
from ..progress import part
from ..tuning.plan import TuningSettings

if TYPE_CHECKING:
    from ..network.network import DualPathwayNetwork

# Beyond this many corrected slices several are left out together, which keeps a verdict within seconds.
MOST_FOLDS = 8
# A CNN that was tuned on less than this part of the corrected lesions says nothing of the one tuned on all of them.
LEAST_REST = 1 / 3

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LeftOut:
    """What both CNNs found on the slices that could be judged.

    Attributes:
        slices: those slices of the baseline; empty where nothing could be left out.
        base: bool (Z, Y, X), lesions of the base CNN on them.
        tuned: bool (Z, Y, X), lesions of CNNs that were tuned on the other slices.
        folds: how often the CNN was tuned.
        judged_part: of the voxels of the corrected lesions, those that lie on the slices that could be judged.
    """

    slices: tuple[int, ...]
    base: Mask
    tuned: Mask
    folds: int
    judged_part: float = 1.0


def folds_of(slices: Sequence[int], labels: Mask) -> list[tuple[int, ...]]:
    """Which slices are left out together; only where the others show enough of the lesions to learn from."""
    count = min(len(slices), MOST_FOLDS)
    groups = [tuple(slices[first::count]) for first in range(count)] if len(slices) > 1 else []
    rests = [part_of_lesions([s for s in slices if s not in group], slices, labels) for group in groups]
    return [group for group, rest in zip(groups, rests, strict=True) if rest >= LEAST_REST]


def part_of_lesions(some: Sequence[int], slices: Sequence[int], labels: Mask) -> float:
    """The part of the lesion voxels of all corrected slices that lies on some of them; 0 without a lesion."""
    everything = np.count_nonzero(labels[list(slices)])
    return float(np.count_nonzero(labels[list(some)]) / everything) if everything else 0.0


def leave_slices_out(
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    annotation: Annotation,
    settings: TuningSettings,
    patch_folder: Path | None,
    *,
    progress: Progress | None = None,
) -> LeftOut:
    """Tune once for every group of slices on the others and look at what is found on the group.

    Patches whose features tuning has stored are used again, so that this takes little more than the iterations.

    Args:
        annotation: the corrections that the tuned version was made from.
        settings: how it was tuned.
        patch_folder: where features of patches are kept; None forgets them.
    """
    inside = annotation.labels & baseline.organ_mask
    groups = folds_of(annotation.slices, inside)
    probability = np.zeros(inside.shape, dtype=np.float32)
    for done, group in enumerate(groups):
        rest = [position for position in annotation.slices if position not in group]
        reporting = part(progress, done / len(groups), (done + 1) / len(groups), "Judging the tuned CNN")
        probability += _found(network, baseline, annotation, settings, patch_folder, rest, group, reporting)
    slices = tuple(sorted(position for group in groups for position in group))
    judged = np.zeros(inside.shape, dtype=bool)
    judged[list(slices)] = True
    processing = network.card.post_processing
    base = binarize(np.where(judged, baseline.base_probability, 0), baseline.organ_mask, processing) & judged
    tuned = binarize(probability, baseline.organ_mask, processing) & judged
    return LeftOut(slices, base, tuned, len(groups), part_of_lesions(slices, annotation.slices, inside))


def _found(
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    annotation: Annotation,
    settings: TuningSettings,
    patch_folder: Path | None,
    rest: Sequence[int],
    group: Sequence[int],
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Lesion softmax on the slices of `group` by a head that was tuned on `rest`, 0 elsewhere."""
    from ..network.prediction import predict_slices
    from ..network.tuned_head import tuned_head
    from ..tuning.tuning import tune

    processing = network.card.post_processing
    predicted = binarize(baseline.base_probability, baseline.organ_mask, processing)
    store = baseline.features()
    tuned = on_best_device(
        lambda device: tune(
            network,
            baseline.images,
            baseline.organ_mask,
            annotation.labels,
            rest,
            _with_stored_patches(settings, len(annotation.slices), len(rest)),
            base_prediction=predicted,
            stored=store,
            patch_folder=patch_folder,
            device=device,
            progress=progress,
        )
    )
    head = tuned_head(network, tuned)
    return on_best_device(lambda device: predict_slices(head, store, group, device=device))


def _with_stored_patches(settings: TuningSettings, all_slices: int, rest: int) -> TuningSettings:
    """The settings with as many patches of each slice as tuning on all of them has stored."""
    if settings.patch_pool is None:
        return settings
    stored = settings.patches_per_slice(all_slices) * rest
    as_stored = settings.for_slices(all_slices)
    return replace(as_stored, patch_pool=stored, largest_pool=stored, slices_with_all_pixels=0)
