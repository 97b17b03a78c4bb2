"""What the base CNN finds on a slice, as the worker tells it before the examination is complete."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.images.geometry import Grid


@dataclass(frozen=True)
class SeenSlice:
    """One slice of an examination that the CNN has looked at.

    Attributes:
        examination: "baseline" or "followup".
        grid: of the whole examination.
        position: the slice of that grid.
        lesions: bool (Y, X), what it found there.
    """

    examination: str
    grid: Grid
    position: int
    lesions: NDArray[np.bool_]

    def to_dict(self) -> dict[str, Any]:
        """The slice as JSON values, some hundred characters."""
        packed = zlib.compress(np.packbits(self.lesions).tobytes())
        return {
            "examination": self.examination,
            "grid": self.grid.to_dict(),
            "position": self.position,
            "lesions": base64.b64encode(packed).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SeenSlice:
        """A slice from what `to_dict` gave."""
        grid = Grid.from_dict(values["grid"])
        _slices, rows, columns = grid.shape
        packed = np.frombuffer(zlib.decompress(base64.b64decode(values["lesions"])), dtype=np.uint8)
        lesions = np.unpackbits(packed, count=rows * columns).reshape(rows, columns).astype(bool)
        return cls(values["examination"], grid, values["position"], lesions)
