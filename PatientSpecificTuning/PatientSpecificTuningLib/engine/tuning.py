"""Patient-specific fine-tuning: the last two layers learn from corrected slices of the baseline scan."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save_file
from scipy import ndimage
from torch import Tensor

from .atomic import replace_when_complete
from .atomic import write_text
from .errors import Cancelled
from .errors import InputError
from .features import FrozenTrunk
from .head_trainer import HeadTrainer
from .network import DualPathwayNetwork
from .network import Head
from .patch_features import FreshPatches
from .patch_features import PatchFeatures
from .patch_features import counted_pixels
from .patch_features import pool_patches
from .progress import Progress
from .tuning_batches import TuningBatches
from .tuning_plan import TuningSettings
from .tuning_plan import plan_patches
from .weighting import weight_map

HEAD_NAME = "head.safetensors"
PROVENANCE_NAME = "provenance.json"
IN_PLANE_NEIGHBOURS = np.ones((1, 3, 3), dtype=bool)
# How far round lesions, drawn or found by the base CNN, pixels tell more than others.
TELLING_PIXELS = 3


@dataclass(frozen=True)
class TunedHead:
    """What fine-tuning gives: the head's weights and how the loss went."""

    state: dict[str, Tensor]
    loss_history: list[float]
    trainable_parameters: int


def tune(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings | None = None,
    *,
    base_prediction: NDArray[np.bool_] | None = None,
    patch_folder: Path | None = None,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TunedHead:
    """Tune a copy of the network's head on corrected slices; the network itself stays as it is.

    The loss is categorical cross-entropy times each pixel's weight, averaged over the pixels. Batch
    normalisation keeps the base model's statistics and learns scale and shift only. On the CPU the same seed
    gives the same weights.

    Args:
        images: float32 (channels, Z, Y, X), the preprocessed baseline.
        organ_mask: bool (Z, Y, X).
        labels: bool (Z, Y, X), lesions; only `slices` of it are looked at.
        slices: the corrected slices.
        base_prediction: bool (Z, Y, X), the base CNN's lesions, needed for a weighting scheme.
        patch_folder: where features of pooled patches are kept for the next time; None forgets them.

    Raises:
        InputError: no slice, no lesion on any of the slices, or a weighting without the base prediction.
        Cancelled: `cancelled` said so.
    """
    settings = settings or TuningSettings()
    slices = sorted({int(position) for position in slices})
    plan = plan_patches(organ_mask, slices, settings)
    if not (labels & organ_mask)[slices].any():
        message = (
            "None of the corrected baseline slices shows a lesion inside the organ mask; correct at least one slice"
            " with a lesion."
        )
        raise InputError(message)
    maps = _maps(network, labels, settings, base_prediction)
    trainer = HeadTrainer(network.head, settings.learning_rate, settings.seed, device)
    with _patch_features(
        network, images, organ_mask, slices, settings, patch_folder, precision, device, progress, cancelled
    ) as features:
        batches = TuningBatches(counted_pixels(organ_mask, settings), features, maps, settings)
        for iteration in range(settings.iterations):
            if cancelled is not None and cancelled():
                message = f"Fine-tuning stopped after {iteration} of {settings.iterations} iterations."
                raise Cancelled(message)
            first = iteration * settings.batch_size
            trainer.step(*batches.batch(plan[first : first + settings.batch_size]))
            if progress is not None:
                progress("Fine-tuning", (iteration + 1) / settings.iterations)
    return TunedHead(trainer.state(), trainer.losses, trainer.parameters())


def tuned_head(network: DualPathwayNetwork, tuned: TunedHead) -> Head:
    """The patient-specific head, in inference mode."""
    head = copy.deepcopy(network.head).cpu()
    head.load_state_dict(tuned.state)
    return head.eval()


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
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        yield pool_patches(
            network,
            images,
            organ_mask,
            slices,
            settings.patches_per_slice(len(slices)),
            settings,
            folder or Path(temporary),
            precision=precision,
            device=device,
            progress=progress,
            cancelled=cancelled,
        )


def _maps(
    network: DualPathwayNetwork,
    labels: NDArray[np.bool_],
    settings: TuningSettings,
    base_prediction: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """Label, weight in the loss, and where it is telling to look: float32 (3, Z, Y, X)."""
    lesions = labels if base_prediction is None else labels | base_prediction
    telling = ndimage.binary_dilation(lesions, structure=IN_PLANE_NEIGHBOURS, iterations=TELLING_PIXELS)
    return np.stack([labels, _pixel_weights(network, labels, settings, base_prediction), telling]).astype(
        np.float32
    )


def _pixel_weights(
    network: DualPathwayNetwork,
    labels: NDArray[np.bool_],
    settings: TuningSettings,
    base_prediction: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    if settings.weighting is None:
        background, lesion = network.card.class_weights
        return np.where(labels, lesion, background).astype(np.float32)
    if base_prediction is None:
        message = f"The {settings.weighting} weighting needs the base CNN's lesions of the baseline; prepare it first."
        raise InputError(message)
    return weight_map(labels, base_prediction, settings.weighting)


def save_tuned_head(folder: Path, tuned: TunedHead, provenance: dict[str, Any]) -> None:
    """Write head.safetensors, then provenance.json, which makes the folder count."""
    with replace_when_complete(Path(folder) / HEAD_NAME) as temporary:
        save_file({name: value.contiguous() for name, value in tuned.state.items()}, temporary)
    values = {
        **provenance,
        "trainable_parameters": tuned.trainable_parameters,
        "loss_history": tuned.loss_history,
    }
    write_text(Path(folder) / PROVENANCE_NAME, json.dumps(values, indent=2) + "\n")


def load_tuned_head(folder: Path, network: DualPathwayNetwork) -> Head:
    """Read a tuned head that belongs to this network, in inference mode.

    Raises:
        InputError: the weights are missing, damaged or belong to another model.
    """
    path = Path(folder) / HEAD_NAME
    head = copy.deepcopy(network.head).cpu()
    try:
        head.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        message = f"The tuned weights in {path} are damaged or belong to another model; tune again."
        raise InputError(message) from error
    return head.eval()
