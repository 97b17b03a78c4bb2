"""The network as further training sees it: batch-normalisation statistics frozen, the head on the organ alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional

from ..network.network import DualPathwayNetwork
from ..network.random_bits import RandomBits


class RandomDropout:
    """Dropout of one iteration, repeatable by its seed."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._bits = RandomBits(seed)

    def __call__(self, values: Tensor) -> Tensor:
        """Zero elements with the rate and scale the others up; any shape."""
        keep = self._bits.keep(values.shape, self._rate).to(values.device, values.dtype)
        return values * keep.mul_(1 / (1 - self._rate))


def organ_logits(
    network: DualPathwayNetwork, images: Tensor, organ: Tensor, dropout: RandomDropout
) -> Tensor:
    """Logits of the organ's pixels with frozen statistics, folded into the convolutions on the fly.

    The parameters are those of the network and gradients reach all of them; only the passes over the maps that
    batch normalisation costs are gone, and the head skips what the loss does not count.

    Args:
        images: float32 (B, channels, H, W).
        organ: bool (B, H, W).
        dropout: what the head does to its inputs.

    Returns:
        (organ pixels in row-major order, 2) logits of background and lesion.
    """
    inside = organ.reshape(-1).nonzero().squeeze(1)
    ends = []
    parts = torch.split(images, network.trunk.channels, dim=1)
    for pathway, part in zip(network.trunk.pathways, parts, strict=True):
        maps = part.contiguous(memory_format=torch.channels_last)
        for block in cast(Iterable[list[nn.Module]], pathway.blocks):
            for convolution, normalization in zip(block[0::3], block[1::3], strict=True):
                maps = _layer(cast(nn.Conv2d, convolution), cast(nn.BatchNorm2d, normalization), maps)
            ends.append(maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).index_select(0, inside))
    head = network.head
    scale, shift = _scale_and_shift(head.normalization)
    weight = head.hidden.weight * scale[:, None]
    hidden = torch.relu(functional.linear(dropout(torch.cat(ends, dim=1)), weight, shift))
    return cast(Tensor, head.output(dropout(hidden)))


def _layer(convolution: nn.Conv2d, normalization: nn.BatchNorm2d, maps: Tensor) -> Tensor:
    scale, shift = _scale_and_shift(normalization)
    weight = convolution.weight * scale[:, None, None, None]
    rate = convolution.dilation
    return torch.relu_(functional.conv2d(maps, weight, shift, padding=rate, dilation=rate))


def _scale_and_shift(normalization: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = normalization.running_mean, normalization.running_var
    scale = normalization.weight / torch.sqrt(cast(Tensor, variance) + normalization.eps)
    return scale, normalization.bias - cast(Tensor, mean) * scale
