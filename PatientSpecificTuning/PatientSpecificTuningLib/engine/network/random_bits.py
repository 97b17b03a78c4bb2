"""Random masks for dropout on the CPU, from raw bits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LEVELS = 65536
_SIGN = -32768

Words = NDArray[np.uint16] | None
"""Random words that decide which elements are dropped, one for each; None where none is."""


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
        return dropped_by(self.words(values.shape, rate), values, rate)

    def words(self, shape: tuple[int, ...], rate: float) -> Words:
        """The words that `dropped` would draw for values of this shape, for `dropped_by` later on."""
        return self._words(shape) if round(rate * _LEVELS) else None

    def _words(self, shape: tuple[int, ...]) -> NDArray[np.uint16]:
        count = int(np.prod(shape))
        return self._source.random_raw(-(-count // 4)).view(np.uint16)[:count]


def dropped_by(words: Words, values: Tensor, rate: float) -> Tensor:
    """The values with each one zero with probability `rate`.

    Args:
        words: as `RandomBits.words` drew them for this shape and rate; they are used up.
    """
    if words is None:
        return values.clone()
    # Comparing would give a bool mask, whose conversion in the product takes longer than all of this.
    bits = torch.from_numpy(words.view(np.int16)).view(values.shape)
    last_dropped = round(rate * _LEVELS) - 1 + _SIGN
    kept = bits.bitwise_xor_(_SIGN).clamp_(last_dropped, last_dropped + 1).sub_(last_dropped)
    if values.dtype == torch.bfloat16:
        return kept.mul_(values.view(torch.int16)).view(torch.bfloat16)
    return kept.to(values.dtype).mul_(values)
