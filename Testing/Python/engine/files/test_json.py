"""JSON of somebody else is read within bounds, and each value is what it must be or is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from PatientSpecificTuningLib.engine.files import json_values
from PatientSpecificTuningLib.engine.files.json_file import read_json
from PatientSpecificTuningLib.engine.files.json_file import read_json_object


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{",
        b'{"a": NaN}',
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"1" * 5000,
        b" " * 2000,
    ],
)
def test_what_is_no_json_or_beyond_all_bounds_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "values.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of the library
        read_json(tmp_path / "values.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text("1" + " " * 100)
    with pytest.raises(ValueError, match="more than 50 bytes"):
        read_json(tmp_path / "values.json", largest_bytes=50)


def test_something_else_than_an_object_is_named(tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text("[1]")
    with pytest.raises(ValueError, match="list instead of an object"):
        read_json_object(tmp_path / "values.json")


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (json_values.text, 3),
        (json_values.text, "x" * 20_000),
        (json_values.integer, True),
        (json_values.integer, 2.0),
        (json_values.integer, 10**30),
        (json_values.number, "1"),
        (json_values.number, float("nan")),
        (json_values.number, float("inf")),
        (json_values.truth, 1),
        (lambda v: json_values.choice(v, ("a", "b")), ["a"]),
        (lambda v: json_values.entries(v, json_values.text, count=2), ["a"]),
        (lambda v: json_values.entries(v, json_values.text), "ab"),
        (lambda v: json_values.fields(v, json_values.text), {"a": None}),
    ],
)
def test_a_value_of_another_kind_is_refused(check, value) -> None:
    with pytest.raises(ValueError, match=" is "):
        check(value)
