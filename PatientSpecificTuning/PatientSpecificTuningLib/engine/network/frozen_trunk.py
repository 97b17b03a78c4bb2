"""The trunk as it runs once base training is over: folded, in bfloat16 where that is fast, on the organ's box only."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import InputError
from .network import DualPathwayNetwork
from .network import Pathway
from .patches import organ_box

PRECISIONS = ("auto", "float32", "bfloat16")


# An environment variable: "1" lets this processor compute as one that has no bfloat16.
FLOAT32_SWITCH = "PATIENT_SPECIFIC_TUNING_FLOAT32"


def has_fast_bfloat16(device: str | torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively; elsewhere it would be slower than float32."""
    if os.environ.get(FLOAT32_SWITCH) == "1":
        return False
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.device(device).type == "cpu" and torch.cpu._is_avx512_bf16_supported()


class FrozenTrunk:
    """The trunk as it runs outside base training: batch normalisation folded into the convolutions.

    Folding is exact up to rounding. With bfloat16 the first layer of each pathway stays in float32, which halves
    the number of voxels that change class at a cost of a few per cent in time.
    """

    def __init__(self, network: DualPathwayNetwork, *, precision: str = "auto", device: str = "cpu") -> None:
        if precision not in PRECISIONS:
            message = f"The precision {precision!r} is not known; use one of {', '.join(PRECISIONS)}."
            raise InputError(message)
        self.device = torch.device(device)
        half = precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(device))
        self.compute = torch.bfloat16 if half else torch.float32
        self.channels = network.trunk.channels
        self.maps = network.card.feature_maps
        card = network.card
        self.rates = [
            rate
            for layers, rate in zip(card.block_layers, card.dilation_rates, strict=True)
            for _ in range(layers)
        ]
        self.pathways = [self._folded(cast(Pathway, pathway)) for pathway in network.trunk.pathways]

    def _folded(self, pathway: Pathway) -> list[list[nn.Conv2d]]:
        blocks = []
        for block in cast(Iterable[list[nn.Module]], copy.deepcopy(pathway).eval().blocks):
            pairs = zip(block[0::3], block[1::3], strict=True)
            blocks.append(
                [
                    self._placed(fuse_conv_bn_eval(cast(nn.Conv2d, c), cast(nn.BatchNorm2d, n)))
                    for c, n in pairs
                ]
            )
        blocks[0][0] = blocks[0][0].float()
        return blocks

    def _placed(self, convolution: nn.Conv2d) -> nn.Conv2d:
        convolution.requires_grad_(False)
        # The stubs of torch do not know memory_format for modules.
        return convolution.to(  # type: ignore[call-overload, no-any-return]
            device=self.device, dtype=self.compute, memory_format=torch.channels_last
        )

    @torch.inference_mode()
    def rows(self, images: NDArray[np.float32], organ: NDArray[np.bool_]) -> Tensor:
        """Features of the organ's pixels of one slice or patch.

        Every layer computes only what the organ's box still needs, which changes nothing.

        Args:
            images: float32 (channels, H, W).
            organ: bool (H, W), with at least one pixel.

        Returns:
            (pixels of the organ in row-major order, feature maps), in the dtype that it computes in, on the CPU.
        """
        first_row, last_row, first_column, last_column = organ_box(organ)
        rows = needed_spans(first_row, last_row, organ.shape[0], self.rates)
        columns = needed_spans(first_column, last_column, organ.shape[1], self.rates)
        box = organ[slice(*rows[-1]), slice(*columns[-1])]
        inside = torch.from_numpy(np.argwhere(box)).to(self.device)
        cropped = images[None, :, slice(*rows[0]), slice(*columns[0])]
        given = torch.from_numpy(np.ascontiguousarray(cropped, dtype=np.float32)).to(self.device)
        features = torch.empty(inside.shape[0], self.maps, dtype=self.compute)
        end = 0
        for pathway, maps in zip(self.pathways, torch.split(given, self.channels, dim=1), strict=True):
            maps = maps.contiguous(memory_format=torch.channels_last)
            layer = 0
            for block in pathway:
                for convolution in block:
                    needed = (rows[layer], rows[layer + 1], columns[layer], columns[layer + 1])
                    maps = torch.relu_(_convolved(convolution, maps, *needed))
                    layer += 1
                start, end = end, end + maps.shape[1]
                above, left = rows[-1][0] - rows[layer][0], columns[-1][0] - columns[layer][0]
                ends = maps[0].permute(1, 2, 0)[inside[:, 0] + above, inside[:, 1] + left]
                features[:, start:end] = ends.cpu()
        return features


Span = tuple[int, int]


def needed_spans(first: int, last: int, size: int, rates: Sequence[int]) -> list[Span]:
    """What every layer must compute along one axis so that the last one is right from `first` to `last`.

    Args:
        first: first pixel that is wanted.
        last: one past the last pixel that is wanted.
        size: pixels of the slice along this axis; nothing exists beyond.
        rates: dilation rate of every 3 x 3 convolution, in order.

    Returns:
        the span of the image, then of the output of every layer.
    """
    spans = [(first, last)]
    for rate in reversed(rates):
        first, last = max(0, first - rate), min(size, last + rate)
        spans.append((first, last))
    return spans[::-1]


def _convolved(
    convolution: nn.Conv2d, maps: Tensor, rows: Span, new_rows: Span, columns: Span, new_columns: Span
) -> Tensor:
    """The convolution from one span of rows and columns to the next, zero-padded where the slice ends."""
    weight = convolution.weight
    rate = int(convolution.dilation[0])
    top, bottom = rate - (new_rows[0] - rows[0]), rate - (rows[1] - new_rows[1])
    left, right = rate - (new_columns[0] - columns[0]), rate - (columns[1] - new_columns[1])
    maps = maps.to(weight.dtype)
    if top != bottom or left != right:
        maps = functional.pad(maps, (left, right, top, bottom))
        top = left = 0
    return functional.conv2d(maps, weight, convolution.bias, padding=(top, left), dilation=rate)
