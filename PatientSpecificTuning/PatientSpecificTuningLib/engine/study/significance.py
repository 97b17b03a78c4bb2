"""When a difference counts as significant."""

from __future__ import annotations

from dataclasses import dataclass

ALPHA = 0.01
CORRECTIONS = ("none", "holm", "benjamini-hochberg")


@dataclass(frozen=True)
class Significance:
    """How p values are judged.

    Attributes:
        alpha: level below which a difference is significant, 0.01 in the paper.
        correction: for the comparisons of one table, one of `CORRECTIONS`; the paper corrects nothing.
    """

    alpha: float = ALPHA
    correction: str = "none"
