"""Random masks for dropout on the CPU, from raw bits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_LEVELS = 65536


class RandomBits:
    """A seeded source of dropout masks.

    Drawing uniform floating-point numbers, as torch's dropout does, costs more on a CPU than the head itself;
    comparing raw 16-bit words with a threshold gives the same Bernoulli masks with the rate rounded to 1/65536.
    """

    def __init__(self, seed: int) -> None:
        self._source = np.random.SFC64(seed)

    def keep(self, shape: tuple[int, ...], rate: float) -> Tensor:
        """A bool mask of this shape whose elements are False with probability `rate`."""
        count = int(np.prod(shape))
        words = self._source.random_raw(-(-count // 4)).view(np.uint16)[:count]
        return torch.from_numpy(words >= round(rate * _LEVELS)).view(shape)
