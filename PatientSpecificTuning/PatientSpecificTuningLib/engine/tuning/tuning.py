"""Patient-specific fine-tuning: the last two layers learn from corrected slices of the baseline scan."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import closing
from contextlib import contextmanager
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import Cancelled
from ..errors import InputError
from ..network.chunk_threads import one_ahead
from ..network.features import FeatureStore
from ..network.frozen_trunk import FrozenTrunk
from ..network.network import DualPathwayNetwork
from ..network.prediction import predict_slices
from ..network.tuned_head import TunedHead
from ..network.tuned_head import beside_base
from ..progress import Progress
from .batches import TuningBatches
from .evidence import left_to_teach
from .evidence import of_baseline
from .evidence import taught_slices
from .head_trainer import HeadTrainer
from .head_trainer import ReadyBatch
from .logit_shift import with_drawn_threshold
from .patch_features import FreshPatches
from .patch_features import PatchFeatures
from .patch_features import counted_pixels
from .patch_features import pool_patches
from .plan import LESION_WISE
from .plan import PlannedPatch
from .plan import TuningSettings
from .plan import plan_patches
from .weighting import lesion_wise_weights
from .weighting import weight_map

IN_PLANE_NEIGHBOURS = np.ones((1, 3, 3), dtype=bool)
# How far round lesions, drawn or found by the base CNN, pixels tell more than others.
TELLING_PIXELS = 3


def tune(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings | None = None,
    *,
    base_prediction: NDArray[np.bool_] | None = None,
    stored: FeatureStore | None = None,
    patch_folder: Path | None = None,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TunedHead:
    """Tune a copy of the network's head on corrected slices; the network itself stays as it is.

    The loss is categorical cross-entropy times each pixel's weight, averaged over the pixels. Batch
    normalisation keeps the base model's statistics and learns scale and shift only. On the CPU the same seed
    gives the same weights. Where the settings give the base head a share, the head that comes back is the weighted
    mean of both; where they ask for a shift, its lesion logit is shifted after that.

    Args:
        images: float32 (channels, Z, Y, X), the preprocessed baseline.
        organ_mask: bool (Z, Y, X).
        labels: bool (Z, Y, X), lesions; only `slices` of it are looked at.
        slices: the corrected slices.
        base_prediction: bool (Z, Y, X), the base CNN's lesions, needed for a weighting scheme.
        stored: features of the images, needed for a shift of the logit and, where the base head has a share, for what
            it knows already; of stacked examinations those of the first.
        patch_folder: where features of pooled patches are kept for the next time; None forgets them.

    Raises:
        InputError: no slice, no lesion on any of the slices, a weighting without the base prediction, or a shift
            without stored features.
        Cancelled: `cancelled` said so.
    """
    slices = sorted({int(position) for position in slices})
    settings = (settings or TuningSettings()).for_slices(len(slices))
    plan = plan_patches(organ_mask, slices, settings)
    if not (labels & organ_mask)[slices].any():
        message = (
            "None of the corrected baseline slices shows a lesion inside the organ mask; correct at least one slice"
            " with a lesion."
        )
        raise InputError(message)
    if settings.logit_shift and stored is None:
        message = "A shift of the logit needs the stored features of the baseline; prepare it first."
        raise InputError(message)
    maps = _maps(network, labels, slices, settings, base_prediction)
    trainer = HeadTrainer(network.head, settings.learning_rate, settings.seed, device)
    with _patch_features(
        network, images, organ_mask, slices, settings, patch_folder, precision, device, progress, cancelled
    ) as features:
        batches = TuningBatches(counted_pixels(organ_mask, settings), features, maps, settings)
        starts = range(0, settings.iterations * settings.batch_size, settings.batch_size)
        planned = (plan[first : first + settings.batch_size] for first in starts)
        with _ready(trainer, batches, planned, ahead=settings.patch_pool is not None) as drawn:
            for iteration, batch in enumerate(drawn):
                if cancelled is not None and cancelled():
                    message = f"Fine-tuning stopped after {iteration} of {settings.iterations} iterations."
                    raise Cancelled(message)
                trainer.learn(batch)
                if progress is not None:
                    progress("Fine-tuning", (iteration + 1) / settings.iterations)
    _require_finite(trainer, patch_folder)
    return patient_specific(network, trainer, labels & organ_mask, slices, settings, stored, device=device)


def patient_specific(
    network: DualPathwayNetwork,
    trainer: HeadTrainer,
    lesions: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings,
    stored: FeatureStore | None,
    *,
    device: str = "cpu",
) -> TunedHead:
    """The head that was trained on slices, beside the base head and shifted as the settings say.

    Args:
        lesions: bool (Z, Y, X), inside the organ.
        stored: features of the baseline, needed for a shift, and for a share that heeds how right the base CNN is.
    """
    taught = taught_slices(lesions, slices)
    if settings.base_slices and stored is not None:
        taught *= _left_to_teach(network, stored, lesions, slices, device)
    share = settings.base_share(taught)
    tuned = TunedHead(beside_base(network.head, trainer.state(), share), trainer.losses, trainer.parameters())
    if settings.logit_shift and stored is not None:
        return with_drawn_threshold(network, tuned, stored, lesions, slices, device=device)
    return tuned


def _left_to_teach(
    network: DualPathwayNetwork,
    stored: FeatureStore,
    lesions: NDArray[np.bool_],
    slices: Sequence[int],
    device: str,
) -> float:
    lesions, slices = of_baseline(lesions, slices, stored.kept.shape)
    probability = predict_slices(network.head, stored, slices, device=device)
    return left_to_teach(probability >= network.card.post_processing.threshold, lesions, slices)


@contextmanager
def _ready(
    trainer: HeadTrainer, batches: TuningBatches, planned: Iterable[Sequence[PlannedPatch]], *, ahead: bool
) -> Iterator[Iterator[ReadyBatch]]:
    """The batches, ready one ahead of the iterations where that is little work for one core."""

    def ready(patches: Sequence[PlannedPatch]) -> ReadyBatch:
        return trainer.ready(*batches.batch(patches))

    if not ahead:
        yield map(ready, planned)
        return
    with closing(one_ahead(ready, planned)) as drawn:
        yield drawn


def _require_finite(trainer: HeadTrainer, patch_folder: Path | None) -> None:
    if all(bool(values.isfinite().all()) for values in trainer.state().values()):
        return
    where = (
        "" if patch_folder is None else f" or the kept patches are damaged; remove the folder {patch_folder}"
    )
    message = f"Fine-tuning did not lead to numbers: the learning rate is too high{where} and tune again."
    raise InputError(message)


@contextmanager
def _patch_features(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings,
    folder: Path | None,
    precision: str,
    device: str,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> Iterator[PatchFeatures]:
    if settings.patch_pool is None:
        trunk = FrozenTrunk(network, precision=precision, device=device)
        yield FreshPatches(trunk, images, counted_pixels(organ_mask, settings))
        return
    # What is mapped into memory cannot be removed on Windows before the last array of it is gone.
    temporary = TemporaryDirectory(ignore_cleanup_errors=True) if folder is None else nullcontext(folder)
    with temporary as kept:
        yield pool_patches(
            network,
            images,
            organ_mask,
            slices,
            settings.patches_per_slice(len(slices)),
            settings,
            Path(kept),
            precision=precision,
            device=device,
            progress=progress,
            cancelled=cancelled,
        )


def _maps(
    network: DualPathwayNetwork,
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings,
    base_prediction: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """Label, weight in the loss, and where it is telling to look: float32 (3, Z, Y, X), 0 on all other slices."""
    chosen = list(slices)
    lesions = labels[chosen] if base_prediction is None else labels[chosen] | base_prediction[chosen]
    telling = ndimage.binary_dilation(lesions, structure=IN_PLANE_NEIGHBOURS, iterations=TELLING_PIXELS)
    weights = _pixel_weights(network, labels, slices, settings, base_prediction)
    maps = np.zeros((3, *labels.shape), dtype=np.float32)
    maps[:, chosen] = labels[chosen], weights[chosen], telling
    return maps


def _pixel_weights(
    network: DualPathwayNetwork,
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings,
    base_prediction: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    if settings.weighting is None:
        background, lesion = network.card.class_weights
        return np.where(labels, np.float32(lesion), np.float32(background))
    if settings.weighting == LESION_WISE:
        return lesion_wise_weights(labels, slices, network.card.class_weights)
    if base_prediction is None:
        message = f"The {settings.weighting} weighting needs the base CNN's lesions of the baseline; prepare it first."
        raise InputError(message)
    return weight_map(labels, base_prediction, settings.weighting)
