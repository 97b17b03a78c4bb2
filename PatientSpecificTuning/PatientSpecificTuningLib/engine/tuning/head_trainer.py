"""Optimising a copy of the head on features."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional

from ..network.frozen_trunk import has_fast_bfloat16
from ..network.network import Head
from ..network.random_bits import RandomBits


@dataclass(frozen=True)
class ReadyBatch:
    """Some pixels, ready for the head.

    Attributes:
        features: (pixels, feature maps), on the CPU with dropout.
        kept_units: bool (pixels, hidden units), which ones dropout keeps; None where the head decides or keeps all.
        labels: int64 (pixels,).
        weights: float32 (pixels,), in the loss.
    """

    features: Tensor
    kept_units: Tensor | None
    labels: Tensor
    weights: Tensor


class HeadTrainer:
    """Adam on a copy of the head, with batch-normalisation statistics frozen and dropout active."""

    def __init__(self, base: Head, learning_rate: float, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.device = torch.device(device)
        self.head = copy.deepcopy(base).to(self.device).train().requires_grad_(True)
        self.head.normalization.eval()
        self.dropout = _DropoutAhead(self.head, seed) if self.device.type == "cpu" else None
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=learning_rate)
        self.half = has_fast_bfloat16(self.device)
        self.losses: list[float] = []

    def step(self, features: Tensor, labels: Tensor, weights: Tensor) -> None:
        """One iteration on the pixels of one batch; a batch without pixels teaches nothing."""
        self.learn(self.ready(features, labels, weights))

    def ready(self, features: Tensor, labels: Tensor, weights: Tensor) -> ReadyBatch:
        """What `learn` does with a batch before it looks at the head's weights, such as dropping features.

        To be asked of the batches in their order, but also while `learn` looks at an earlier one.
        """
        features, labels, weights = (part.to(self.device) for part in (features, labels, weights))
        if not (self.half and features.dtype == torch.bfloat16):
            features = features.float()
        if self.dropout is None or labels.numel() == 0:
            return ReadyBatch(features, None, labels, weights)
        return ReadyBatch(*self.dropout.drawn(features), labels, weights)

    def learn(self, batch: ReadyBatch) -> None:
        """One iteration; a batch without pixels teaches nothing."""
        labels = batch.labels
        if labels.numel() == 0:
            return
        if self.dropout is not None:
            self.dropout.kept_units = batch.kept_units
        half = self.half and batch.features.dtype == torch.bfloat16
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            logits = self.head(batch.features)
        loss = (functional.cross_entropy(logits.float(), labels, reduction="none") * batch.weights).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.losses.append(float(loss.detach()))

    def state(self) -> dict[str, Tensor]:
        """The weights now, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.head.state_dict().items()}

    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.head.parameters())


def load_optimizer() -> None:
    """Let torch load what it loads with its first optimiser, which takes a second, before somebody waits for it."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])


class _DropoutAhead(nn.Module):
    """Both dropouts of the head from raw random bits, several times faster than torch's own on a CPU.

    They are decided before the head sees a batch: its first dropout is left out, its second one is this.
    """

    def __init__(self, head: Head, seed: int) -> None:
        super().__init__()
        self.bits = RandomBits(seed)
        self.before, self.after = head.dropout_before.p, head.dropout_after.p
        self.units = head.hidden.out_features
        self.kept_units: Tensor | None = None
        for name, module in (("dropout_before", nn.Identity()), ("dropout_after", self)):
            setattr(head, name, module)

    def drawn(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features with elements zero at the first rate and the others scaled up; which units the second one keeps."""
        if self.before > 0:
            features = self.bits.dropped(features, self.before).mul_(1 / (1 - self.before))
        kept = self.bits.keep((len(features), self.units), self.after) if self.after > 0 else None
        return features, kept

    def forward(self, values: Tensor) -> Tensor:
        """The units that are kept, scaled up, and zero for the others; (pixels, units)."""
        if self.kept_units is None:
            return values
        return values * self.kept_units.to(values.dtype).mul_(1 / (1 - self.after))
