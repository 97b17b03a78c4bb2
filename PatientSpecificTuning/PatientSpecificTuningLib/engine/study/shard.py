"""A share of the patients, for sites where every job works on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of the patients.

    Attributes:
        number: from 1.
        count: how many shares there are.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            message = f"There is no shard {self.number}/{self.count}; use 1/{self.count} to {self.count}/{self.count}."
            raise InputError(message)

    def share(self, identifiers: Sequence[str]) -> list[str]:
        """Every `count`-th patient, so that shares differ by one at most."""
        return list(identifiers)[self.number - 1 :: self.count]
