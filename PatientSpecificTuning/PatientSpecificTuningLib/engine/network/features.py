"""The trunk's feature maps, computed once per scan and kept for the voxels where a lesion is possible only."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
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
from .feature_words import BYTE
from .feature_words import EXACT
from .feature_words import HALF
from .feature_words import KINDS
from .feature_words import decoded
from .feature_words import encoded
from .feature_words import scale_rows
from .frozen_trunk import FrozenTrunk
from .network import DualPathwayNetwork

# Small enough that features and products of one chunk stay in the processor's cache.
ROWS_AT_ONCE = 2_048
# So many slices may wait for the disk before the trunk does.
MOST_WAITING = 4
SYNCED_AT_ONCE = 128 * 2**20
KEPT_AS: dict[str, np.dtype[Any]] = {"auto": BYTE, "bfloat16": HALF, "float32": EXACT}


@dataclass(frozen=True)
class Place:
    """A chunk of the voxels of one slice: the slice, and where they are among all voxels."""

    position: int
    voxels: slice


@dataclass(frozen=True)
class FeatureStore:
    """Features of some voxels of one scan, memory-mapped; a row of the file is a voxel or belongs to the scales.

    Attributes:
        kept: bool (Z, Y, X), those voxels; in C order they are counted from 0.
        words: (rows, feature maps), float32, uint16 holding the bits of bfloat16, or uint8 with scales before every
            slice.
        order: all slices as the file holds them; None is from the first to the last.
    """

    kept: NDArray[np.bool_]
    words: NDArray[np.generic]
    order: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """All voxels from the first: a chunk's place among them, and their features (voxels, maps)."""
        return ((place.voxels, self.rows(place)) for place in self.places())

    def places(self) -> Iterator[Place]:
        """Where the same chunks are, without reading them."""
        for position in range(self.kept.shape[0]):
            yield from self._slice_places(position)

    def slice_chunks(self, position: int) -> Iterator[tuple[slice, Tensor]]:
        """The same chunks of the voxels of one slice."""
        return ((place.voxels, self.rows(place)) for place in self._slice_places(position))

    def rows(self, place: Place) -> Tensor:
        """Features of a chunk, float32 or bfloat16 (voxels, feature maps)."""
        offset = self._offsets[place.position]
        return self._decoded(place.position, slice(place.voxels.start + offset, place.voxels.stop + offset))

    def _slice_places(self, position: int) -> Iterator[Place]:
        first, last = self.slice_range(position)
        for start in range(first, last, ROWS_AT_ONCE):
            yield Place(position, slice(start, min(last, start + ROWS_AT_ONCE)))

    def picked(self, voxels: NDArray[np.integer]) -> Tensor:
        """Features of some voxels, in ascending order, float32 or bfloat16 (voxels, feature maps)."""
        ends = np.searchsorted(voxels, self._firsts)
        rows = [
            self._decoded(position, voxels[ends[position] : ends[position + 1]] + self._offsets[position])
            for position in np.flatnonzero(np.diff(ends)).tolist()
        ]
        return torch.cat(rows) if rows else torch.empty(0, self.words.shape[1])

    def slice_range(self, position: int) -> tuple[int, int]:
        """First and one-past-last voxel of a slice."""
        return int(self._firsts[position]), int(self._firsts[position + 1])

    def volume(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Put one value per voxel back into a float32 (Z, Y, X) volume that is 0 everywhere else."""
        volume = np.zeros(self.kept.shape, dtype=np.float32)
        volume[self.kept] = values
        return volume

    @cached_property
    def _firsts(self) -> NDArray[np.intp]:
        """The first voxel of every slice, and how many there are."""
        return np.concatenate([[0], np.cumsum(np.count_nonzero(self.kept, axis=(1, 2)))])

    @cached_property
    def _offsets(self) -> NDArray[np.intp]:
        """How much further down the file the voxels of every slice are than they are counted."""
        voxels = np.diff(self._firsts)
        order = np.arange(len(voxels)) if self.order is None else self.order
        rows = voxels + np.where(voxels > 0, scale_rows(self.words.dtype), 0)
        starts = np.empty_like(voxels)
        starts[order] = np.cumsum(rows[order]) - voxels[order]
        return starts - self._firsts[:-1]

    def _decoded(self, position: int, rows: slice | NDArray[np.integer]) -> Tensor:
        words, wanted = self.words, scale_rows(self.words.dtype)
        end = self._firsts[position] + self._offsets[position]
        scales = np.array(words[end - wanted : end]) if wanted else None
        return decoded(np.array(words[rows]), scales)


def middle_first(slices: int) -> NDArray[np.intp]:
    """All slices of a volume from the middle, which a viewer shows first, to the outermost."""
    return np.argsort(np.abs(np.arange(slices) - slices // 2), kind="stable")


def rows_in_file(kept: NDArray[np.bool_], kind: np.dtype[Any]) -> int:
    """Rows of the file that keeps the features of these voxels as words of this kind."""
    slices = int(np.count_nonzero(kept.any(axis=(1, 2))))
    return int(np.count_nonzero(kept)) + slices * scale_rows(kind)


class _Writer:
    """Writes slice after slice to a file in the background, and to the disk a piece at a time.

    Only the complete file counts, so nothing need be on the disk before that. But what has piled up until then would
    be waited for.
    """

    def __init__(self, file: BinaryIO, thread: ThreadPoolExecutor) -> None:
        self._file = file
        self._thread = thread
        self._waiting: deque[Future[None]] = deque()
        self._unsynced = 0

    def add(self, words: NDArray[np.generic]) -> None:
        """Write the words of a slice after those before; raises what went wrong with earlier ones."""
        self._waiting.append(self._thread.submit(self._write, words))
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until everything is written."""
        while self._waiting:
            self._waiting.popleft().result()

    def _write(self, words: NDArray[np.generic]) -> None:
        self._file.write(np.ascontiguousarray(words).data)
        self._unsynced += words.nbytes
        if self._unsynced > SYNCED_AT_ONCE:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unsynced = 0


def compute_features(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    path: Path,
    *,
    precision: str = "auto",
    device: str = "cpu",
    order: NDArray[np.intp] | None = None,
    choose: Callable[[int, Tensor], NDArray[np.bool_]] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FeatureStore:
    """Run the trunk over all slices and keep the features of organ voxels in a .npy file.

    Slices are written as they come, so memory holds a few slices at a time; an interrupted computation leaves no
    file.

    Args:
        images: float32 (channels, Z, Y, X), normalised.
        organ_mask: bool (Z, Y, X).
        path: where the .npy file goes; see `FeatureStore` for what it holds.
        precision: "auto" computes in bfloat16 where the device has it and keeps bytes, "bfloat16" computes and keeps
            bfloat16, "float32" is exact.
        order: all slices in the order of the work and of the file; None is from the first to the last.
        choose: says of every slice, by the features of its organ voxels (voxels, feature maps), which of them are
            kept, bool (voxels,); None keeps all.

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
    kind = KEPT_AS[precision]
    slices = np.arange(len(organ_mask)) if order is None else order
    slices = slices[organ_mask[slices].any(axis=(1, 2))]
    kept = organ_mask.copy()
    with (
        replace_when_complete(Path(path), parents=False) as temporary,
        open(temporary, "wb") as file,
        ThreadPoolExecutor(1) as thread,
    ):
        _write_header(file, kind, rows_in_file(organ_mask, kind), trunk.maps)
        writer = _Writer(file, thread)
        for done, position in enumerate(slices):
            if cancelled is not None and cancelled():
                message = f"Computing the features stopped after {done} of {slices.size} slices."
                raise Cancelled(message)
            rows = trunk.rows(images[:, position], organ_mask[position])
            if choose is not None:
                chosen = choose(int(position), rows)
                kept[position][organ_mask[position]] = chosen
                rows = rows[torch.from_numpy(chosen)]
            if len(rows):
                writer.add(encoded(rows, kind))
            if progress is not None:
                progress("Computing features", (done + 1) / slices.size)
        writer.finish()
        file.seek(0)
        _write_header(file, kind, rows_in_file(kept, kind), trunk.maps)
    return open_features(path, kept, order)


def _write_header(file: BinaryIO, kind: np.dtype[Any], rows: int, maps: int) -> None:
    """The header of a .npy file; numpy leaves room in it for any number of rows."""
    header = {"descr": kind.newbyteorder("<").str, "fortran_order": False, "shape": (rows, maps)}
    np.lib.format.write_array_header_1_0(file, header)


def open_features(path: Path, kept: NDArray[np.bool_], order: NDArray[np.intp] | None = None) -> FeatureStore:
    """Open stored features of these voxels of a scan, also those of an earlier version.

    Args:
        order: all slices as the file holds them, as they were computed.

    Raises:
        InputError: the file is missing, damaged or belongs to other voxels.
    """
    try:
        words = open_array(Path(path), dtypes=KINDS, dimensions=2)
    except (OSError, ValueError) as error:
        message = f"The features in {path} cannot be read; prepare the scan again."
        raise InputError(message) from error
    if words.shape[0] != rows_in_file(kept, words.dtype):
        expected = int(np.count_nonzero(kept))
        message = f"The features in {path} do not belong to these {expected} voxels; prepare the scan again."
        raise InputError(message)
    return FeatureStore(kept, words, order)
