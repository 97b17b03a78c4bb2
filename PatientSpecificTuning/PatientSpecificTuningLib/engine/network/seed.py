"""The range of seeds that every source of random numbers takes."""

from __future__ import annotations

LARGEST_SEED = 2**31 - 1
