"""How features are kept: exact, in half of the bits, or in a byte for each with a scale for every map of every slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .frozen_trunk import has_fast_bfloat16

EXACT, HALF, BYTE = np.dtype(np.float32), np.dtype(np.uint16), np.dtype(np.uint8)
KINDS = (np.float32, np.uint16, np.uint8)
_LARGEST = 255


def scale_rows(kind: np.dtype[Any]) -> int:
    """How many rows of a file hold the scales of a slice, before those of its voxels."""
    return EXACT.itemsize if kind == BYTE else 0


def encoded(features: Tensor, kind: np.dtype[Any]) -> NDArray[np.generic]:
    """The features of a slice as they are written.

    Bytes begin with the scales, float32 in as many rows as that takes. Features are never negative, and the largest
    of every map in the slice becomes 255, so the error is at most 1/510 of that.

    Args:
        features: (voxels, feature maps), float32 or bfloat16, not negative.
        kind: of the words.

    Returns:
        (rows, feature maps) of that kind.
    """
    if kind == EXACT:
        return features.float().numpy()
    if kind == HALF:
        return features.to(torch.bfloat16).view(torch.int16).numpy().view(HALF)
    scales = features.amax(dim=0).float().div_(_LARGEST).clamp_(min=torch.finfo(torch.float32).tiny)
    levels = (features * scales.reciprocal()).round_().clamp_(0, _LARGEST).to(torch.uint8)
    return np.concatenate([scales.numpy().view(BYTE).reshape(-1, len(scales)), levels.numpy()])


def decoded(words: NDArray[np.generic], scales: NDArray[np.generic] | None) -> Tensor:
    """Features from words, in bfloat16 where they were rounded and the processor multiplies that fast, else float32.

    Args:
        words: (voxels, feature maps), float32, uint16 or uint8.
        scales: the rows that hold the scales, for uint8.
    """
    if scales is None:
        if words.dtype == HALF:
            return torch.from_numpy(words.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(words)
    factors = torch.from_numpy(np.ascontiguousarray(scales).reshape(-1).view(EXACT))
    features = torch.from_numpy(words).float().mul_(factors)
    return features.bfloat16() if has_fast_bfloat16("cpu") else features
