"""Optimising a copy of the head on features."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional

from ..network.frozen_trunk import has_fast_bfloat16
from ..network.network import Head
from ..network.random_bits import RandomBits


class HeadTrainer:
    """Adam on a copy of the head, with batch-normalisation statistics frozen and dropout active."""

    def __init__(self, base: Head, learning_rate: float, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.device = torch.device(device)
        self.head = copy.deepcopy(base).to(self.device).train().requires_grad_(True)
        self.head.normalization.eval()
        if self.device.type == "cpu":
            _use_random_bits(self.head, seed)
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=learning_rate)
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
        loss = (functional.cross_entropy(logits.float(), labels, reduction="none") * weights).sum()
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


class _BitDropout(nn.Module):
    """Dropout from raw random bits, several times faster than torch's own on a CPU."""

    def __init__(self, rate: float, bits: RandomBits) -> None:
        super().__init__()
        self.rate = rate
        self.bits = bits

    def forward(self, values: Tensor) -> Tensor:
        """Zero elements with probability `rate` and scale the others up; any shape."""
        if not self.training or self.rate == 0:
            return values
        if not values.requires_grad:
            return self.bits.dropped(values, self.rate).mul_(1 / (1 - self.rate))
        return values * self.bits.keep(values.shape, self.rate).to(values.dtype).mul_(1 / (1 - self.rate))


def _use_random_bits(head: Head, seed: int) -> None:
    bits = RandomBits(seed)
    for name in ("dropout_before", "dropout_after"):
        setattr(head, name, _BitDropout(getattr(head, name).p, bits))
