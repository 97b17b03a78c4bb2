"""A look at a NIfTI file itself: its usual reader fills what is missing with zeros and changes values silently."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_GZIP = b"\x1f\x8b"
# How long the content of a compressed file is, modulo 2^32, stands at its end.
_LENGTH = struct.Struct("<I")
_PIECE = 1 << 20
# Writers may pad a file; what goes on for longer is no image.
_MOST_BEHIND = 16 << 20
_FLOATING = {16: "f4", 64: "f8"}
_COMPLEX = {32, 1792, 2048}


@dataclass(frozen=True)
class NiftiHeader:
    """What the header of a NIfTI-1 or NIfTI-2 file promises.

    Attributes:
        size: voxels along each dimension.
        spacing: of the first three dimensions in mm, as written.
        kind: number of the data type.
        byte_order: "<" or ">".
        start: where the values begin.
        bytes: how many bytes of values there must be.
    """

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    kind: int
    byte_order: str
    start: int
    bytes: int

    @property
    def is_complex(self) -> bool:
        """Whether the values are complex numbers."""
        return self.kind in _COMPLEX


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI by its name."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti_header(path: Path) -> NiftiHeader:
    """The header of a NIfTI file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no NIfTI file.
    """
    try:
        with _opened(path) as stream:
            return _header(stream.read(544))
    except (EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error


def nifti_problem(path: Path, *, look_at_values: bool = True) -> str:
    """What makes a NIfTI file unfit, such as "is not complete"; empty where it holds what its header promises.

    The file is read in pieces, so that neither a promise nor what lies behind the image takes memory.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no NIfTI file.
    """
    header = read_nifti_header(path)
    if any(not np.isfinite(step) or step == 0 for step in header.spacing):
        return f"has an impossible spacing ({', '.join(f'{step:g}' for step in header.spacing)} mm)"
    if header.is_complex:
        return "has complex values"
    finite = _finite_check(header) if look_at_values else _always
    try:
        with _opened(path) as stream:
            return _problem_of_values(stream, header, finite)
    except EOFError:
        return "is not complete"
    except (zlib.error, gzip.BadGzipFile):
        return "is damaged"


def is_cut_short(path: Path) -> bool:
    """Whether a compressed NIfTI file, as this program writes it, ends too early: its last bytes tell in no time.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no NIfTI file.
    """
    header = read_nifti_header(path)
    with open(path, "rb") as file:
        file.seek(-_LENGTH.size, os.SEEK_END)
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return bool(length != (header.start + header.bytes) % 2**32)


def _problem_of_values(stream: BinaryIO, header: NiftiHeader, finite: Callable[[bytes], bool]) -> str:
    skipped = len(stream.read(header.start))
    left = header.bytes
    if skipped < header.start:
        return "is not complete"
    while left:
        piece = _exactly(stream, min(_PIECE, left))
        if not piece:
            return "is not complete"
        left -= len(piece)
        if not finite(piece):
            return "has NaN or infinite values"
    # Reading on to the end also compares the check sum of a compressed file.
    behind = 0
    while piece := stream.read(_PIECE):
        behind += len(piece)
        if behind > _MOST_BEHIND:
            return "goes on far behind the image that its header describes"
    return ""


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes, or nothing where there are fewer."""
    piece = stream.read(count)
    while len(piece) < count:
        more = stream.read(count - len(piece))
        if not more:
            return b""
        piece += more
    return piece


def _always(piece: bytes) -> bool:
    del piece
    return True


def _finite_check(header: NiftiHeader) -> Callable[[bytes], bool]:
    kind = _FLOATING.get(header.kind)
    if kind is None:
        return _always

    def finite(piece: bytes) -> bool:
        return bool(np.isfinite(np.frombuffer(piece, header.byte_order + kind)).all())

    return finite


def _opened(path: Path) -> BinaryIO:
    with open(path, "rb") as stream:
        compressed = stream.read(2) == _GZIP
    return gzip.open(path, "rb") if compressed else open(path, "rb")  # type: ignore[return-value]


def _header(content: bytes) -> NiftiHeader:
    """The header from the first bytes of a file.

    Raises:
        ValueError: these are none of NIfTI, or they contradict themselves.
    """
    try:
        for order in "<>":
            length = struct.unpack_from(f"{order}i", content)[0]
            if length == 348:
                size = struct.unpack_from(f"{order}8h", content, 40)
                kind, bits = struct.unpack_from(f"{order}2h", content, 70)
                spacing = struct.unpack_from(f"{order}4f", content, 76)
                start = struct.unpack_from(f"{order}f", content, 108)[0]
                return _checked(size, kind, bits, spacing, start, order, least=348)
            if length == 540:
                kind, bits = struct.unpack_from(f"{order}2h", content, 12)
                size = struct.unpack_from(f"{order}8q", content, 16)
                spacing = struct.unpack_from(f"{order}4d", content, 104)
                start = struct.unpack_from(f"{order}q", content, 168)[0]
                return _checked(size, kind, bits, spacing, start, order, least=540)
    except struct.error as error:
        raise ValueError(str(error)) from error
    message = "no NIfTI header"
    raise ValueError(message)


def _checked(
    size: tuple[int, ...],
    kind: int,
    bits: int,
    spacing: tuple[float, ...],
    start: float,
    order: str,
    *,
    least: int,
) -> NiftiHeader:
    dimensions = size[0]
    used = size[1 : 1 + dimensions]
    if not 1 <= dimensions <= 7 or any(n < 1 for n in used) or bits < 1 or not np.isfinite(start):
        message = "a NIfTI header that contradicts itself"
        raise ValueError(message)
    voxels = 1
    for n in used:
        voxels *= n
    given = tuple(float(step) for step in spacing[1 : 1 + min(3, dimensions)])
    begin = int(start) if least <= start < 1 << 30 else least
    return NiftiHeader(used, given, kind, order, begin, (voxels * bits + 7) // 8)
