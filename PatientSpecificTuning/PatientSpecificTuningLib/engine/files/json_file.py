"""Reading JSON that somebody else may have written: bounded in size and depth, never a surprise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .text_file import LARGEST_BYTES
from .text_file import read_text


def read_json(path: Path, *, largest_bytes: int = LARGEST_BYTES) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: it is missing or may not be read.
        ValueError: it is no JSON, not UTF-8, too large, nested too deeply, or holds NaN.
    """
    return parse_json(read_text(path, largest_bytes=largest_bytes))


def read_json_object(path: Path, *, largest_bytes: int = LARGEST_BYTES) -> dict[str, Any]:
    """What a JSON file holds, where that must be an object.

    Raises:
        OSError: it is missing or may not be read.
        ValueError: as `read_json`, or it is something else than an object.
    """
    values = read_json(path, largest_bytes=largest_bytes)
    if not isinstance(values, dict):
        message = f"{type(values).__name__} instead of an object"
        raise ValueError(message)
    return values


def parse_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is no JSON, nested too deeply, or holds NaN or infinity, which are no JSON either.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        message = "nested too deeply"
        raise ValueError(message) from error


def _refuse(constant: str) -> Any:
    message = f"{constant} is not a number"
    raise ValueError(message)
