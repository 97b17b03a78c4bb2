"""Tables and texts of somebody else: read whole, or refused before they take memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from PatientSpecificTuningLib.engine.files.tables import read_table
from PatientSpecificTuningLib.engine.files.tables import write_table
from PatientSpecificTuningLib.engine.files.text_file import LARGEST_BYTES
from PatientSpecificTuningLib.engine.files.text_file import read_text


@dataclass(frozen=True)
class Named:
    name: str
    volume: float | None
    places: tuple[int, ...]


def test_a_table_comes_back_as_texts(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table([Named('a "name", of\ntwo lines', 1.23456, (1, 2)), Named("b", None, ())], Named, path)
    assert read_table(path) == [
        {"name": 'a "name", of\ntwo lines', "volume": "1.2346", "places": "1 2"},
        {"name": "b", "volume": "", "places": ""},
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", b'a,b\n"' + b"x" * 200_000])
def test_what_is_no_table_is_one_kind_of_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_table(tmp_path / "table.csv")


def test_a_text_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.touch()
    os.truncate(path, LARGEST_BYTES + 1)
    for read in (read_text, read_table):
        with pytest.raises(ValueError, match="more than"):
            read(path)


def test_the_mark_of_other_programs_is_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(tmp_path / "text") == "a\r\nb"
