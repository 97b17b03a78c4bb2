"""Patient-specific fine-tuning: the last two layers learn from corrected slices of the baseline scan."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from .atomic import replace_when_complete
from .atomic import write_text
from .errors import Cancelled
from .errors import InputError
from .features import FrozenTrunk
from .features import has_fast_bfloat16
from .network import DualPathwayNetwork
from .network import Head
from .patches import PATCH_SIZE
from .patches import Window
from .patches import corner_and_centre_windows
from .patches import cut_patch
from .progress import Progress
from .weighting import weight_map

HEAD_NAME = "head.safetensors"
PROVENANCE_NAME = "provenance.json"
WEIGHTINGS = (None, "segmentation", "detection")
LOSS_AREAS = ("organ", "patch")


@dataclass(frozen=True)
class TuningSettings:
    """How a head is tuned; the defaults are the paper's ("Patient-specific fine-tuning").

    Attributes:
        weighting: None for the class weights of the model card, or the paper's scheme for a task ("Weighting").
        loss_area: "organ" counts only pixels of the organ mask, since the output is masked as well; "patch"
            counts every pixel.
        patch_pool: number of different rotated patches that are computed and reused; None computes every patch
            afresh, as the paper does.
    """

    iterations: int = 100
    batch_size: int = 4
    learning_rate: float = 1e-4
    rotation_degrees: float = 45.0
    patch_size: int = PATCH_SIZE
    weighting: str | None = None
    loss_area: str = "organ"
    patch_pool: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        problem = ""
        if min(self.iterations, self.batch_size, self.patch_size, self.patch_pool or 1) < 1:
            problem = "iterations, batch size, patch size and patch pool must be at least 1"
        elif self.learning_rate <= 0 or not 0 <= self.rotation_degrees <= 180:
            problem = "the learning rate must be above 0 and the rotation between 0 and 180 degrees"
        elif self.weighting not in WEIGHTINGS:
            problem = f"the weighting {self.weighting!r} is not one of none, segmentation, detection"
        elif self.loss_area not in LOSS_AREAS:
            problem = f"the loss area {self.loss_area!r} is not one of {', '.join(LOSS_AREAS)}"
        if problem:
            message = f"The settings of fine-tuning cannot be used: {problem}."
            raise InputError(message)


@dataclass(frozen=True)
class PlannedPatch:
    """A rotated patch of one slice: known from slices and seed alone, before anything is annotated."""

    slice: int
    window: Window
    degrees: float


@dataclass(frozen=True)
class TunedHead:
    """What fine-tuning gives: the head's weights and how the loss went."""

    state: dict[str, Tensor]
    loss_history: list[float]
    trainable_parameters: int


def plan_patches(
    organ_mask: NDArray[np.bool_], slices: Sequence[int], settings: TuningSettings
) -> list[PlannedPatch]:
    """Which patches fine-tuning uses, in order, `batch_size` for each iteration.

    Every round takes the five patches of every slice once, in random order and with fresh random rotations.

    Raises:
        InputError: no slice is given, or one has no organ or lies outside the image.
    """
    if not slices:
        message = "No slice of the baseline is given to tune on; correct at least one slice with a lesion."
        raise InputError(message)
    for position in slices:
        if not 0 <= position < organ_mask.shape[0] or not organ_mask[position].any():
            message = (
                f"Slice {position} of the baseline shows no organ; correct slices inside the organ mask."
            )
            raise InputError(message)
    places = [
        (int(position), window)
        for position in slices
        for window in corner_and_centre_windows(organ_mask[position], size=settings.patch_size)
    ]
    needed = settings.iterations * settings.batch_size
    different = min(needed, settings.patch_pool or needed)
    rng = np.random.default_rng([settings.seed, *slices])
    pool: list[PlannedPatch] = []
    while len(pool) < different:
        for index in rng.permutation(len(places)):
            degrees = float(rng.uniform(-settings.rotation_degrees, settings.rotation_degrees))
            position, window = places[index]
            pool.append(PlannedPatch(position, window, degrees))
    return [pool[i % different] for i in range(needed)]


def tune(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings | None = None,
    *,
    base_prediction: NDArray[np.bool_] | None = None,
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
    weights = _pixel_weights(network, labels, settings, base_prediction)
    trunk = FrozenTrunk(network, precision=precision, device=device)
    patches = _PatchRows(trunk, images, organ_mask, labels, weights, settings)
    trainer = _HeadTrainer(network.head, settings, device)
    for iteration in range(settings.iterations):
        if cancelled is not None and cancelled():
            message = f"Fine-tuning stopped after {iteration} of {settings.iterations} iterations."
            raise Cancelled(message)
        first = iteration * settings.batch_size
        trainer.step(*patches.batch(plan[first : first + settings.batch_size]))
        if progress is not None:
            progress("Fine-tuning", (iteration + 1) / settings.iterations)
    return trainer.result()


def tuned_head(network: DualPathwayNetwork, tuned: TunedHead) -> Head:
    """The patient-specific head, in inference mode."""
    head = copy.deepcopy(network.head).cpu()
    head.load_state_dict(tuned.state)
    return head.eval()


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


class _PatchRows:
    """Features, labels and weights of the counted pixels of planned patches; a reused patch is computed once."""

    def __init__(
        self,
        trunk: FrozenTrunk,
        images: NDArray[np.float32],
        organ_mask: NDArray[np.bool_],
        labels: NDArray[np.bool_],
        weights: NDArray[np.float32],
        settings: TuningSettings,
    ) -> None:
        self.trunk = trunk
        self.images = images
        self.organ_mask = organ_mask
        self.labels = labels
        self.weights = weights
        self.settings = settings
        self.computed: dict[PlannedPatch, tuple[Tensor, Tensor, Tensor]] = {}

    def batch(self, patches: Sequence[PlannedPatch]) -> tuple[Tensor, Tensor, Tensor]:
        """Features (pixels, maps), labels int64 (pixels,) and weights (pixels,) of one batch."""
        parts = [self._rows(patch) for patch in patches]
        features, labels, weights = (torch.cat(part) for part in zip(*parts, strict=True))
        return features, labels, weights

    def _rows(self, patch: PlannedPatch) -> tuple[Tensor, Tensor, Tensor]:
        if patch in self.computed:
            return self.computed[patch]
        rows = self._cut(patch)
        if self.settings.patch_pool is not None:
            self.computed[patch] = rows
        return rows

    def _cut(self, patch: PlannedPatch) -> tuple[Tensor, Tensor, Tensor]:
        window, degrees, z = patch.window, patch.degrees, patch.slice
        images = cut_patch(self.images[:, z], window, degrees=degrees)
        # A voxel counts as organ, lesion or weight by its nearest neighbour, so that weights are not blended.
        organ = cut_patch(self.organ_mask[z], window, degrees=degrees, order=0) > 0.5
        labels = cut_patch(self.labels[z], window, degrees=degrees, order=0)
        weights = cut_patch(self.weights[z], window, degrees=degrees, order=0)
        counted = organ if self.settings.loss_area == "organ" else np.ones_like(organ)
        if not counted.any():
            empty = torch.empty(0)
            return torch.empty(0, self.trunk.maps, dtype=self.trunk.storage), empty.long(), empty
        features = self.trunk.rows(images, counted)
        inside = torch.from_numpy(labels[counted]).long()
        return features, inside, torch.from_numpy(weights[counted])


class _HeadTrainer:
    """Adam on a copy of the head, with batch-normalisation statistics frozen and dropout active."""

    def __init__(self, base: Head, settings: TuningSettings, device: str) -> None:
        torch.manual_seed(settings.seed)
        self.device = torch.device(device)
        self.head = copy.deepcopy(base).to(self.device).train().requires_grad_(True)
        self.head.normalization.eval()
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=settings.learning_rate)
        self.half = has_fast_bfloat16(self.device)
        self.losses: list[float] = []

    def step(self, features: Tensor, labels: Tensor, weights: Tensor) -> None:
        """One iteration on the pixels of one batch; a batch without pixels teaches nothing."""
        if labels.numel() == 0:
            return
        features, labels, weights = (part.to(self.device) for part in (features, labels, weights))
        half = self.half and features.dtype == torch.bfloat16
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            logits = self.head(features if half else features.float())
        loss = (functional.cross_entropy(logits.float(), labels, reduction="none") * weights).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.losses.append(float(loss.detach()))

    def result(self) -> TunedHead:
        """The tuned weights on the CPU."""
        state = {name: value.detach().cpu().clone() for name, value in self.head.state_dict().items()}
        count = sum(parameter.numel() for parameter in self.head.parameters())
        return TunedHead(state, self.losses, count)


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
