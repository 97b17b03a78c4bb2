"""Training of a base model on annotated examinations (paper, "Base CNN model"), resumable from checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from ..errors import InputError
from ..files.atomic import write_bytes
from ..model.card import ModelCard
from ..network.network import DualPathwayNetwork
from ..network.patches import PATCH_SIZE
from ..network.patches import Window
from ..network.patches import cut_patch
from ..network.patches import grid_windows
from .augmentation import drop_pathway
from .augmentation import vary_intensities
from .group import TrainingGroup


@dataclass(frozen=True)
class TrainingExamination:
    """One annotated examination, preprocessed.

    Attributes:
        images: float32 (channels, Z, Y, X), z-scored inside the organ and 0 outside.
        organ: bool (Z, Y, X).
        lesions: bool (Z, Y, X).
        weight: how often slices of this examination are drawn relative to others.
    """

    name: str
    images: NDArray[np.floating]
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]
    weight: float = 1.0


@dataclass(frozen=True)
class TrainingSettings:
    """How a base model is trained; the defaults are the paper's.

    Attributes:
        schedule: "constant" learning rate as the paper, or "one-cycle" (warm-up, then cosine to zero).
        varied: strong augmentation (scale, mirror, intensities) instead of rotation alone.
        lesion_centred: part of the patches that is centred near a lesion instead of taken from the grid.
        all_slices: part of the patches that comes from any slice instead of lesion slices only.
        averaging: decay of the exponential moving average of the weights that is kept as the result; 0 for none.
        drop_probability: part of the patches that lose a droppable sequence (card.missing_sequences).
    """

    iterations: int = 10_000
    batch_size: int = 4
    learning_rate: float = 1e-4
    schedule: str = "constant"
    rotation_degrees: float = 45.0
    varied: bool = False
    lesion_centred: float = 0.0
    all_slices: float = 0.0
    averaging: float = 0.0
    drop_probability: float = 0.0
    weight_decay: float = 0.0
    seed: int = 0


@dataclass
class TrainingProgress:
    """What training tells while it runs."""

    iteration: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


class PatchSampler:
    """Draws batches of augmented patches; the same seed and iteration give the same batch."""

    def __init__(
        self, examinations: Sequence[TrainingExamination], card: ModelCard, settings: TrainingSettings
    ) -> None:
        if not examinations or not any(e.lesions.any() for e in examinations):
            message = "No training examination has a lesion label; add at least one annotated examination."
            raise InputError(message)
        self.examinations = list(examinations)
        self.settings = settings
        self.pathway_of_channel = [i for i, p in enumerate(card.pathways) for _ in range(p.channels)]
        self.droppable = [i for i, p in enumerate(card.pathways) if p.sequence in card.missing_sequences]
        self.lesion_slices = [
            np.flatnonzero((e.lesions & e.organ).any(axis=(1, 2))) for e in self.examinations
        ]
        self.organ_slices = [np.flatnonzero(e.organ.any(axis=(1, 2))) for e in self.examinations]
        with_lesions = np.array([slices.size > 0 for slices in self.lesion_slices])
        weights = np.array([e.weight for e in self.examinations])
        counts = np.array([s.size for s in self.lesion_slices])
        self.lesion_odds = _normalised(weights * np.sqrt(counts) * with_lesions)
        self.any_odds = _normalised(weights)

    def batch(self, iteration: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, C, 128, 128), lesion labels (B, 128, 128) int64 and organ (B, 128, 128) of one iteration."""
        rng = np.random.default_rng([self.settings.seed, iteration])
        patches = [self._patch(rng) for _ in range(self.settings.batch_size)]
        images, labels, organ = (np.stack(part) for part in zip(*patches, strict=True))
        return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), torch.from_numpy(organ)

    def _patch(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        settings = self.settings
        examination, position = self._slice(rng)
        organ_slice = examination.organ[position]
        lesion_slice = examination.lesions[position]
        if lesion_slice.any() and rng.random() < settings.lesion_centred:
            window = _window_near_lesion(lesion_slice, rng)
        else:
            windows = grid_windows(organ_slice)
            window = windows[rng.integers(len(windows))]
        degrees = rng.uniform(-settings.rotation_degrees, settings.rotation_degrees)
        scale = rng.uniform(0.85, 1.2) if settings.varied else 1.0
        images = cut_patch(examination.images[:, position], window, degrees=degrees, scale=scale)
        labels = cut_patch(lesion_slice, window, degrees=degrees, scale=scale) >= 0.5
        organ = cut_patch(organ_slice, window, degrees=degrees, scale=scale, order=0) > 0.5
        if settings.varied:
            if rng.random() < 0.5:
                images, labels, organ = images[..., ::-1], labels[..., ::-1], organ[..., ::-1]
            images = vary_intensities(images, organ, self.pathway_of_channel, rng)
        images = drop_pathway(images, self.pathway_of_channel, self.droppable, settings.drop_probability, rng)
        return np.ascontiguousarray(images), np.ascontiguousarray(labels), np.ascontiguousarray(organ)

    def _slice(self, rng: np.random.Generator) -> tuple[TrainingExamination, int]:
        anywhere = rng.random() < self.settings.all_slices
        odds = self.any_odds if anywhere else self.lesion_odds
        chosen = int(rng.choice(len(self.examinations), p=odds))
        slices = self.organ_slices[chosen] if anywhere else self.lesion_slices[chosen]
        return self.examinations[chosen], int(slices[rng.integers(slices.size)])


def _normalised(odds: NDArray[np.floating]) -> NDArray[np.floating]:
    return odds / odds.sum()


def _window_near_lesion(lesion_slice: NDArray[np.bool_], rng: np.random.Generator) -> Window:
    rows, columns = np.nonzero(lesion_slice)
    chosen = rng.integers(rows.size)
    shift = rng.integers(-PATCH_SIZE // 4, PATCH_SIZE // 4 + 1, size=2)
    return Window(
        int(rows[chosen] - PATCH_SIZE // 2 + shift[0]), int(columns[chosen] - PATCH_SIZE // 2 + shift[1])
    )


def weighted_cross_entropy(
    logits: Tensor, labels: Tensor, organ: Tensor, class_weights: tuple[float, float]
) -> Tensor:
    """Categorical cross-entropy times the class weight, averaged over the organ's pixels.

    Args:
        logits: (B, 2, H, W).
        labels: int64 (B, H, W), 1 where lesion.
        organ: bool (B, H, W).
        class_weights: weight of background and lesion, 1 and 5 in the paper.
    """
    weights = torch.tensor(class_weights, device=logits.device)
    loss = functional.cross_entropy(logits.float(), labels, weight=weights, reduction="none")
    return (loss * organ).sum() / organ.sum().clamp(min=1)


def learning_rate_at(iteration: int, settings: TrainingSettings) -> float:
    """Learning rate of one iteration; one-cycle warms up over a tenth and falls to zero along a cosine."""
    if settings.schedule == "constant":
        return settings.learning_rate
    warm_up = max(1, settings.iterations // 10)
    if iteration < warm_up:
        return settings.learning_rate * (0.1 + 0.9 * iteration / warm_up)
    part = (iteration - warm_up) / max(1, settings.iterations - warm_up)
    return settings.learning_rate * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * part)))


class BaseTraining:
    """One training run: builds, continues from its checkpoint, steps, saves.

    The checkpoint holds weights, averaged weights and the state of Adam as safetensors, so an interrupted run
    goes on exactly where it was. In a group every process draws batches of its own, so an iteration sees as many
    times more patches as there are processes, and the first one alone writes checkpoints.
    """

    def __init__(
        self,
        card: ModelCard,
        examinations: Sequence[TrainingExamination],
        settings: TrainingSettings,
        *,
        start_from: DualPathwayNetwork | None = None,
        device: str = "cpu",
        bf16: bool = False,
        group: TrainingGroup | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.card = card
        self.settings = settings
        self.group = group or TrainingGroup(device=device)
        self.device = torch.device(self.group.device)
        self.bf16 = bf16
        self.sampler = PatchSampler(examinations, card, settings)
        self.network = DualPathwayNetwork(card)
        if start_from is not None:
            self.network.load_state_dict(start_from.state_dict())
        # The stubs of torch do not know memory_format for modules.
        self.network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.shared = self.group.shared(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.average = {k: v.detach().clone().float() for k, v in self.network.state_dict().items()}
        self.progress = TrainingProgress()

    def run(
        self,
        *,
        checkpoint: Path | None = None,
        every: int = 100,
        report: Callable[[TrainingProgress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> DualPathwayNetwork:
        """Train to the end and return the (averaged) network in inference mode.

        Args:
            checkpoint: file to continue from, when it exists, and to save to.
            every: iterations between checkpoints.
            report: called after every iteration.
            cancelled: asked before every iteration; True saves a checkpoint and stops.
        """
        if checkpoint is not None and Path(checkpoint).is_file():
            self.load_checkpoint(checkpoint)
        while self.progress.iteration < self.settings.iterations:
            if cancelled is not None and cancelled():
                break
            self.step()
            if report is not None:
                report(self.progress)
            if checkpoint is not None and self.progress.iteration % every == 0:
                self.save_checkpoint(checkpoint)
        if checkpoint is not None:
            self.save_checkpoint(checkpoint)
        return self.result()

    def step(self) -> float:
        """One iteration; returns its loss."""
        # Every process of a group has its own patches and dropout.
        turn = self.progress.iteration * self.group.size + self.group.rank
        images, labels, organ = (part.to(self.device) for part in self.sampler.batch(turn))
        torch.manual_seed(self.settings.seed * 1_000_003 + turn)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.progress.iteration, self.settings)
        self.network.train()
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.shared(images.to(memory_format=torch.channels_last))
        loss = weighted_cross_entropy(logits, labels, organ, self.card.class_weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        self.progress.iteration += 1
        self.progress.losses.append(float(loss.detach()))
        return self.progress.losses[-1]

    def _average(self) -> None:
        decay = self.settings.averaging
        # Early averages forget faster, or the random start would linger.
        decay = min(decay, (1 + self.progress.iteration) / (10 + self.progress.iteration)) if decay else 0.0
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value.float(), 1 - decay)

    def result(self) -> DualPathwayNetwork:
        """A copy of the network with averaged weights, in inference mode on the CPU."""
        network = DualPathwayNetwork(self.card)
        state = network.state_dict()
        network.load_state_dict({k: self.average[k].to("cpu", state[k].dtype) for k in state})
        return network.eval()

    def save_checkpoint(self, path: Path) -> None:
        """Write everything needed to continue, complete or not at all; only the first process of a group does."""
        if not self.group.leads:
            return
        tensors = {f"network.{k}": v.contiguous() for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v.contiguous() for k, v in self.average.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{k}": v.contiguous() for k, v in state.items()}
        tensors["losses"] = torch.tensor(self.progress.losses, dtype=torch.float64)
        metadata = {k: str(v) for k, v in asdict(self.settings).items()}
        write_bytes(Path(path), save(tensors, metadata=metadata))

    def load_checkpoint(self, path: Path) -> None:
        """Continue from what `save_checkpoint` wrote."""
        tensors = load_file(Path(path))
        self.network.load_state_dict(_under("network.", tensors))
        self.average = {k: v.float() for k, v in _under("average.", tensors).items()}
        adam = self.optimizer.state_dict()
        for name, value in _under("adam.", tensors).items():
            index, key = name.split(".", 1)
            adam["state"].setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict(adam)
        self.progress.losses = tensors["losses"].tolist()
        self.progress.iteration = len(self.progress.losses)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
