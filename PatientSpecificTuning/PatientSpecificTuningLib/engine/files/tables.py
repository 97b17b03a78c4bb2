"""Tables of a result as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import fields
from pathlib import Path
from typing import Any

from .atomic import write_text
from .text_file import read_text

DIGITS = 4


def write_table(rows: Sequence[Any], kind: type, path: Path) -> None:
    """Write rows of one dataclass with a header, also when there are none.

    Numbers are rounded to four decimals, several values of one cell are separated by spaces, None is empty.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in asdict(row).items()} for row in rows)
    write_text(path, text.getvalue())


def read_table(path: Path) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns; each cell is a text, None where a row is too short.

    Raises:
        OSError: it is missing or may not be read.
        ValueError: it is too large, not UTF-8, or no table.
    """
    try:
        return list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
