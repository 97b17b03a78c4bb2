"""The trunk's feature maps, computed once per scan and kept for the voxels of the organ mask only."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import Cancelled
from ..errors import InputError
from ..files.arrays import open_array
from ..files.atomic import replace_when_complete
from ..progress import Progress
from .frozen_trunk import FrozenTrunk
from .network import DualPathwayNetwork


@dataclass(frozen=True)
class FeatureStore:
    """Features of the organ voxels of one scan, memory-mapped.

    Attributes:
        organ_mask: bool (Z, Y, X); its voxels in C order are the rows.
        words: (voxels, feature maps), float32, or uint16 holding the bits of bfloat16.
    """

    organ_mask: NDArray[np.bool_]
    words: NDArray[np.generic]

    def __len__(self) -> int:
        return self.words.shape[0]

    def rows(self, start: int, stop: int) -> Tensor:
        """Features of the voxels `start` to `stop`, float32 or bfloat16 (stop - start, feature maps)."""
        return _as_tensor(np.array(self.words[start:stop]))

    def picked(self, voxels: NDArray[np.integer]) -> Tensor:
        """Features of some voxels by their rows, float32 or bfloat16 (voxels, feature maps)."""
        return _as_tensor(self.words[voxels])

    def slice_range(self, position: int) -> tuple[int, int]:
        """First and one-past-last row of a slice."""
        counts = np.count_nonzero(self.organ_mask, axis=(1, 2))
        return int(counts[:position].sum()), int(counts[: position + 1].sum())

    def volume(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Put one value per voxel back into a float32 (Z, Y, X) volume that is 0 outside the organ."""
        volume = np.zeros(self.organ_mask.shape, dtype=np.float32)
        volume[self.organ_mask] = values
        return volume


def _append(file: BinaryIO, rows: Tensor, word: np.dtype[Any]) -> None:
    """Write rows through to the disk, while the next slice is computed."""
    bits = rows if rows.dtype == torch.float32 else rows.view(torch.int16)
    file.write(np.ascontiguousarray(bits.numpy()).view(word).data)
    file.flush()
    os.fsync(file.fileno())


def _as_tensor(words: NDArray[np.generic]) -> Tensor:
    if words.dtype == np.uint16:
        return torch.from_numpy(words.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(words)


def compute_features(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    path: Path,
    *,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FeatureStore:
    """Run the trunk over all slices and keep the organ voxels' features in a .npy file.

    Slices are written as they come, so memory holds one slice at a time; an interrupted computation leaves no
    file.

    Args:
        images: float32 (channels, Z, Y, X), normalised.
        organ_mask: bool (Z, Y, X).
        path: where the .npy file goes, uint16 words of bfloat16, or float32 with precision "float32".
        precision: "auto" computes in bfloat16 where the device has it, "float32" is exact.

    Raises:
        InputError: empty organ mask, or the disk is full.
        Cancelled: `cancelled` said so.
    """
    if not organ_mask.any():
        message = (
            "The organ mask is empty, so there is nothing to compute; give a mask that covers the organ."
        )
        raise InputError(message)
    trunk = FrozenTrunk(network, precision=precision, device=device)
    word = np.dtype(np.float32 if trunk.storage == torch.float32 else np.uint16)
    slices = np.flatnonzero(organ_mask.any(axis=(1, 2)))
    header = {"descr": word.newbyteorder("<").str, "fortran_order": False}
    header["shape"] = (int(np.count_nonzero(organ_mask)), trunk.maps)
    with (
        replace_when_complete(Path(path), parents=False) as temporary,
        open(temporary, "wb") as file,
        ThreadPoolExecutor(1) as writer,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        written: Future[None] | None = None
        for done, position in enumerate(slices):
            if cancelled is not None and cancelled():
                message = f"Computing the features stopped after {done} of {slices.size} slices."
                raise Cancelled(message)
            rows = trunk.rows(images[:, position], organ_mask[position])
            if written is not None:
                written.result()
            written = writer.submit(_append, file, rows, word)
            if progress is not None:
                progress("Computing features", (done + 1) / slices.size)
        if written is not None:
            written.result()
    return open_features(path, organ_mask)


def open_features(path: Path, organ_mask: NDArray[np.bool_]) -> FeatureStore:
    """Open stored features of the scan with this organ mask.

    Raises:
        InputError: the file is missing, damaged or belongs to another organ mask.
    """
    expected = int(np.count_nonzero(organ_mask))
    try:
        words = open_array(Path(path), dtypes=(np.uint16, np.float32), dimensions=2)
    except (OSError, ValueError) as error:
        message = f"The features in {path} cannot be read; prepare the scan again."
        raise InputError(message) from error
    if words.shape[0] != expected:
        message = f"The features in {path} do not belong to this organ mask of {expected} voxels; prepare the scan again."
        raise InputError(message)
    return FeatureStore(organ_mask, words)
