"""The dual-pathway dilated network: a trunk that stays frozen in tuning and a head that is tuned."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from ..model.card import ModelCard


class Pathway(nn.Module):
    """One sequence's 3 x 3 convolutions in blocks; the end of every block is an output.

    Each layer is convolution, batch normalisation and ReLU (paper, Fig. 2), zero-padded so that the maps keep
    the size of the image.
    """

    def __init__(self, channels: int, card: ModelCard) -> None:
        super().__init__()
        blocks = []
        for layers, rate in zip(card.block_layers, card.dilation_rates, strict=True):
            block = nn.Sequential()
            for _ in range(layers):
                convolution = nn.Conv2d(channels, card.kernels, 3, padding=rate, dilation=rate, bias=False)
                block.extend([convolution, nn.BatchNorm2d(card.kernels), nn.ReLU(inplace=True)])
                channels = card.kernels
            blocks.append(block)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (B, channels, H, W) to one (B, kernels, H, W) per block."""
        block_ends = []
        maps = images
        for block in self.blocks:
            maps = block(maps)
            block_ends.append(maps)
        return block_ends


class Trunk(nn.Module):
    """All pathways side by side, block ends concatenated (640 maps in the paper)."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self.channels = [pathway.channels for pathway in card.pathways]
        self.pathways = nn.ModuleList(Pathway(channels, card) for channels in self.channels)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, all channels, H, W) to (B, feature maps, H, W)."""
        parts = torch.split(images, self.channels, dim=1)
        ends = [end for pathway, part in zip(self.pathways, parts, strict=True) for end in pathway(part)]
        return torch.cat(ends, dim=1)


class Head(nn.Module):
    """The last two layers, the only ones that are tuned, as products over pixels.

    A 1 x 1 convolution is a matrix product over pixels, so the head takes any set of pixels, such as the voxels
    of an organ mask, and not only whole images.

    Args:
        units: hidden units; None as the card says.
    """

    def __init__(self, card: ModelCard, units: int | None = None) -> None:
        super().__init__()
        units = units or card.head_kernels
        self.dropout_before = nn.Dropout(card.dropout)
        self.hidden = nn.Linear(card.feature_maps, units, bias=False)
        self.normalization = nn.BatchNorm1d(units)
        self.dropout_after = nn.Dropout(card.dropout)
        self.output = nn.Linear(units, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Map (..., feature maps) to logits (..., 2) of background and lesion."""
        leading = features.shape[:-1]
        rows = features.reshape(-1, features.shape[-1])
        hidden = self.normalization(self.hidden(self.dropout_before(rows)))
        logits = self.output(self.dropout_after(torch.relu(hidden)))
        return logits.reshape(*leading, 2)


class DualPathwayNetwork(nn.Module):
    """The base CNN of the paper ("Base CNN model"): trunk and head, He uniform initialised.

    With one channel per pathway it has 971,650 parameters, 82,434 of them in the head.
    """

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self.card = card
        self.trunk = Trunk(card)
        self.head = Head(card)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map float images (B, channels, H, W) to logits (B, 2, H, W) of background and lesion."""
        features = self.trunk(images).permute(0, 2, 3, 1)
        return self.head(features).permute(0, 3, 1, 2)
