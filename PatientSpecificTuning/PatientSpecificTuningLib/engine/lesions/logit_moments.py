"""How far the lesion softmax can move under dropout, without sampling it.

Dropout changes the logit by a sum of many small independent terms, so the logit is close to normal. Its variance
follows by error propagation through the head with the gradient at the features, the units' own dropout added.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..network.folded_head import FoldedHead
from ..network.frozen_trunk import has_fast_bfloat16

# What error propagation misses where units pass the kink of the ReLU: it widens the logit's distribution and
# moves its mean. Measured on sampled voxels of several heads; a test repeats it.
_WIDER, _SHIFTED = 1.3, 0.5
_NODES = 9


def logit_moments(folded: FoldedHead, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The logit without dropout and its variance under dropout.

    Args:
        rows: features of some voxels, (voxels, feature maps).

    Returns:
        two float32 tensors (voxels,).
    """
    units = folded.units(rows)
    return folded.logit(units), logit_variance(folded, rows, units)


def logit_variance(folded: FoldedHead, rows: Tensor, units: Tensor) -> Tensor:
    """The variance of the logit under dropout, float32 (voxels,).

    Args:
        rows: features of some voxels, (voxels, feature maps).
        units: their hidden units, (voxels, hidden units).
    """
    half = has_fast_bfloat16(folded.device)
    kind = torch.bfloat16 if half else torch.float32
    rows = rows.to(folded.device, kind)
    gradient = (units > 0).to(kind).mul_(folded.output.to(kind)) @ folded.hidden.T.to(kind)
    before, after = (rate / (1 - rate) for rate in folded.dropout)
    by_features = _sum_of_squares(gradient.mul_(rows))
    by_units = _sum_of_squares(torch.relu(units) * folded.output)
    return before * by_features + after * by_units


def _sum_of_squares(terms: Tensor) -> Tensor:
    return torch.linalg.vector_norm(terms, dim=1, dtype=torch.float32).square_()


def softmax_deviation(logit: Tensor, variance: Tensor) -> Tensor:
    """Standard deviation of the lesion softmax of a normal logit, by Gauss-Hermite quadrature, float32 (voxels,)."""
    nodes, weights = (part.to(logit) for part in _quadrature())
    weights = weights / weights.sum()
    softmax = torch.sigmoid(logit[:, None] + variance.sqrt()[:, None] * nodes)
    distances = softmax - (softmax @ weights)[:, None]
    return (distances.square_() @ weights).sqrt_()


@cache
def _quadrature() -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


def largest_deviation(logit: Tensor, variance: Tensor) -> Tensor:
    """What the standard deviation of the lesion softmax cannot exceed for a normal logit, float32 (voxels,).

    The softmax p of a logit z is below exp(z), so its SD is at most sqrt(E[exp(2 z)]) = exp(m + s^2) for a normal z
    with mean m and SD s; by symmetry the same holds for 1 - p and -z. The softmax is also nowhere steeper than 1/4,
    so the SD is at most s / 4.
    """
    wide = variance * _WIDER
    return torch.minimum(torch.exp(_SHIFTED - logit.abs() + wide), wide.sqrt() / 4)
