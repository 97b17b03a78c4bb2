"""A look at a DICOM file itself: its usual reader takes the memory that a damaged length promises."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

MAGIC, PREAMBLE = b"DICM", 128
_IMPLICIT, _BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_ABOUT_ITSELF = b"\x02\x00"
_SYNTAX = (0x0002, 0x0010)
_PIXELS = (0x7FE0, 0x0010)
_ITEM, _SEQUENCE_ENDS = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_DELIMITERS = 0xFFFE
_UNDEFINED = 0xFFFFFFFF
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_SHORT = {
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
}  # fmt: skip


def is_marked_dicom(path: Path | str) -> bool:
    """Whether a file bears the mark of DICOM.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as stream:
        return stream.read(PREAMBLE + len(MAGIC))[PREAMBLE:] == MAGIC


def holds_what_it_promises(path: Path | str) -> bool:
    """Whether every value of a marked DICOM file ends where the file does, or before.

    Values are skipped, those of sequences are looked into, and what a file without the mark says is not judged.

    Raises:
        OSError: it cannot be read.
    """
    if not is_marked_dicom(path):
        return True
    with open(path, "rb") as stream:
        stream.seek(PREAMBLE + len(MAGIC))
        return _Elements(stream, os.path.getsize(path)).all_end_inside()


class _Elements:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size
        self._order, self._has_kinds = "<", True
        self._syntax = ""
        self._in_fragments = False

    def all_end_inside(self) -> bool:
        """Whether the lengths of all elements fit into the file."""
        start = self._stream.tell()
        if self._stream.read(2) != _ABOUT_ITSELF:
            # Without it the reader guesses the encoding, and takes any text for a length.
            return False
        self._stream.seek(start)
        while len(tag_bytes := self._stream.read(4)) == 4:
            if not self._enter_data(tag_bytes):
                return True
            tag = struct.unpack(f"{self._order}2H", tag_bytes)
            length, is_nested = self._length(tag)
            if length == _UNDEFINED or is_nested:
                self._in_fragments = self._in_fragments or (tag == _PIXELS and length == _UNDEFINED)
                continue
            if tag == _SEQUENCE_ENDS:
                self._in_fragments = False
            if length > self._size - self._stream.tell():
                return False
            if tag == _SYNTAX:
                self._syntax = self._stream.read(length).decode("latin-1").rstrip(" \0")
            else:
                self._stream.seek(length, os.SEEK_CUR)
        return True

    def _enter_data(self, tag: bytes) -> bool:
        """Change to the encoding of the data where the group that describes it ends; False where that is unknown."""
        if self._syntax and tag[:2] != _ABOUT_ITSELF:
            self._has_kinds = self._syntax != _IMPLICIT
            self._order = ">" if self._syntax == _BIG_ENDIAN else "<"
            deflated, self._syntax = self._syntax == _DEFLATED, ""
            return not deflated
        return True

    def _length(self, tag: tuple[int, ...]) -> tuple[int, bool]:
        """How long the value is, and whether it holds other elements."""
        start = self._stream.read(4)
        is_item = tag == _ITEM and not self._in_fragments
        if self._has_kinds and tag[0] != _DELIMITERS:
            kind = start[:2]
            if kind in _LONG:
                return self._number(self._stream.read(4)), kind == b"SQ"
            if kind in _SHORT:
                return struct.unpack(f"{self._order}H", start[2:].ljust(2, b"\0"))[0], False
        return self._number(start), is_item

    def _number(self, content: bytes) -> int:
        return int(struct.unpack(f"{self._order}I", content.ljust(4, b"\0"))[0])
