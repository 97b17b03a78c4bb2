"""Lengths in a DICOM file that lead beyond its end: refused before the library takes the memory."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from dicom_series import write_plain_series
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.dicom_file import holds_what_it_promises
from PatientSpecificTuningLib.engine.images.dicom_identity import dicom_identity
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_volume

HEAD = b"\0" * 128 + b"DICM"
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
ENDLESS = 0xFFFFFFFF


def _syntax(name: str) -> bytes:
    value = name.encode().ljust(len(name) + len(name) % 2, b"\0")
    return struct.pack("<2H2sH", 2, 0x10, b"UI", len(value)) + value


def _long(tag: tuple[int, int], kind: bytes, length: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}2H2s2xI", *tag, kind, length)


def _plain(tag: tuple[int, int], length: int) -> bytes:
    return struct.pack("<2HI", *tag, length)


def _short(tag: tuple[int, int], value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<2H2sH", *tag, b"LO", len(value) if length is None else length) + value


ITEM, ITEM_ENDS, SEQUENCE_ENDS = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
PIXELS, NAME, SEQUENCE = (0x7FE0, 0x10), (0x10, 0x10), (0x8, 0x1140)
ENDS = _plain(ITEM_ENDS, 0) + _plain(SEQUENCE_ENDS, 0)
WHOLE = {
    "values of both lengths": _short(NAME, b"name") + _long(PIXELS, b"OW", 4) + b"1234",
    "a sequence without a length": _long(SEQUENCE, b"SQ", ENDLESS)
    + _plain(ITEM, ENDLESS)
    + _short(NAME, b"name")
    + ENDS
    + _short(NAME, b"name"),
    "a sequence with a length": _long(SEQUENCE, b"SQ", 20) + _plain(ITEM, 12) + _short(NAME, b"name"),
    "compressed pixels": _long(PIXELS, b"OB", ENDLESS)
    + _plain(ITEM, 0)
    + _plain(ITEM, 4)
    + b"\xff\xd8\xff\xe0"
    + _plain(SEQUENCE_ENDS, 0),
    "zeros behind the end": _short(NAME, b"name") + b"\0" * 50,
}
ENDLESS_VALUES = {
    "pixels": _long(PIXELS, b"OW", 4_000_000_000) + b"1234",
    "a name": _short(NAME, b"name", 6),
    "in a sequence": _long(SEQUENCE, b"SQ", ENDLESS)
    + _plain(ITEM, ENDLESS)
    + _long((8, 8), b"UT", 900_000_000)
    + ENDS,
    "a compressed piece": _long(PIXELS, b"OB", ENDLESS) + _plain(ITEM, 0) + _plain(ITEM, 5_000_000),
    "a kind that is none": struct.pack("<2H", *NAME) + b"Zz\xff\x7f" + b"name",
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)
def test_a_file_that_ends_where_it_says_passes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "slice.dcm"
    path.write_bytes(HEAD + _syntax(EXPLICIT) + content)
    assert holds_what_it_promises(path)


@pytest.mark.parametrize("content", ENDLESS_VALUES.values(), ids=ENDLESS_VALUES)
def test_a_length_beyond_the_end_is_noticed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "slice.dcm"
    path.write_bytes(HEAD + _syntax(EXPLICIT) + content)
    assert not holds_what_it_promises(path)


def test_other_encodings_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "slice.dcm"
    for syntax, length in ((IMPLICIT, _plain(PIXELS, 4)), (BIG, _long(PIXELS, b"OW", 4, ">"))):
        path.write_bytes(HEAD + _syntax(syntax) + length + b"1234")
        assert holds_what_it_promises(path)
        path.write_bytes(HEAD + _syntax(syntax) + length + b"123")
        assert not holds_what_it_promises(path)


def test_a_marked_file_that_does_not_say_how_it_is_encoded_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "slice.dcm"
    path.write_bytes(HEAD + _short(NAME, b"name"))
    assert not holds_what_it_promises(path)


def test_a_file_without_the_mark_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of DICOM", encoding="utf-8")
    assert holds_what_it_promises(tmp_path / "notes.txt")


def test_a_series_with_such_a_file_and_such_a_single_file_are_refused_in_a_sentence(tmp_path: Path) -> None:
    series = write_plain_series(tmp_path / "series")
    read_volume(series, "FLAIR")
    assert dicom_identity(series) is not None
    damaged = series / "001.dcm"
    content = damaged.read_bytes()
    at = content.index(struct.pack("<2H", *PIXELS))
    damaged.write_bytes(content[: at + 4] + struct.pack("<I", 3_000_000_000) + content[at + 8 :])
    for path in (series, damaged):
        with pytest.raises(InputError, match=r"001\.dcm"):
            count_volumes(path, "FLAIR")
    assert dicom_identity(series) is None
