"""Training of a base model on annotated examinations (paper, "Base CNN model"), resumable from checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from ..errors import InputError
from ..files.atomic import write_bytes
from ..model.card import ModelCard
from ..network.network import DualPathwayNetwork
from .frozen_statistics import RandomDropout
from .frozen_statistics import organ_logits
from .group import TrainingGroup
from .patch_sampler import PatchSampler
from .patch_sampler import TrainingExamination
from .settings import TrainingSettings


@dataclass
class TrainingProgress:
    """What training tells while it runs."""

    iteration: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


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
        if settings.frozen_statistics and self.group.size > 1:
            message = "Training with frozen statistics is for one process; start one, or let the statistics be learned."
            raise InputError(message)
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
        loss = self._loss(images, labels, organ, turn)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        self.progress.iteration += 1
        self.progress.losses.append(float(loss.detach()))
        return self.progress.losses[-1]

    def _loss(self, images: Tensor, labels: Tensor, organ: Tensor, turn: int) -> Tensor:
        weights = self.card.class_weights
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            if self.settings.frozen_statistics:
                dropout = RandomDropout(self.card.dropout, self.settings.seed * 1_000_003 + turn)
                logits = organ_logits(self.network, images, organ, dropout)
            else:
                self.network.train()
                logits = self.shared(images.to(memory_format=torch.channels_last))
        if self.settings.frozen_statistics:
            return functional.cross_entropy(
                logits.float(), labels[organ], torch.tensor(weights, device=self.device), reduction="sum"
            ) / max(1, len(logits))
        return weighted_cross_entropy(logits, labels, organ, weights)

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
        """Continue from what `save_checkpoint` wrote.

        Raises:
            InputError: it is damaged, or of a training of another network.
        """
        try:
            self._restore(load_file(Path(path)))
        except (OSError, SafetensorError, RuntimeError, ValueError, LookupError, TypeError) as error:
            message = f"The checkpoint {path} is damaged or of another training; remove it, or choose another output folder."
            raise InputError(message) from error

    def _restore(self, tensors: dict[str, Tensor]) -> None:
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
