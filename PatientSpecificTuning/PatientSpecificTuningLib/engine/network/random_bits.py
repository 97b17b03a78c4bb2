"""Random masks for dropout on the CPU, from raw bits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LEVELS = 65536
_SIGN = -32768


class RandomBits:
    """A seeded source of dropout masks.

    Drawing uniform floating-point numbers, as torch's dropout does, costs more on a CPU than the head itself;
    comparing raw 16-bit words with a threshold gives the same Bernoulli masks with the rate rounded to 1/65536.
    """

    def __init__(self, seed: int) -> None:
        self._source = np.random.SFC64(seed)

    def keep(self, shape: tuple[int, ...], rate: float) -> Tensor:
        """A bool mask of this shape whose elements are False with probability `rate`."""
        words = self._words(shape)
        return torch.from_numpy(words >= round(rate * _LEVELS)).view(shape)

    def dropped(self, values: Tensor, rate: float) -> Tensor:
        """The values with each one zero with probability `rate`, by the mask that `keep` would give; any shape."""
        levels = round(rate * _LEVELS)
        if levels == 0:
            return values.clone()
        # Comparing would give a bool mask, whose conversion in the product takes longer than all of this.
        words = torch.from_numpy(self._words(values.shape).view(np.int16)).view(values.shape)
        last_dropped = levels - 1 + _SIGN
        kept = words.bitwise_xor_(_SIGN).clamp_(last_dropped, last_dropped + 1).sub_(last_dropped)
        if values.dtype == torch.bfloat16:
            return kept.mul_(values.view(torch.int16)).view(torch.bfloat16)
        return kept.to(values.dtype).mul_(values)

    def _words(self, shape: tuple[int, ...]) -> NDArray[np.uint16]:
        count = int(np.prod(shape))
        return self._source.random_raw(-(-count // 4)).view(np.uint16)[:count]
