"""JSON lines between panel and worker: ASCII only, each with the id of its request."""

from __future__ import annotations

import json
from typing import Any

# What the worker says; every other line on its output is a message of some library and belongs to the log.
MARK = "@pst "
PROGRESS, PART, RESULT, ERROR = "progress", "part", "result", "error"
INPUT, CANCELLED, MEMORY, MISSING, UNEXPECTED = "input", "cancelled", "memory", "missing", "unexpected"


def encode(message: dict[str, Any]) -> bytes:
    """One line; names in any script are escaped, so that no locale can spoil them."""
    return (MARK + json.dumps(message, ensure_ascii=True) + "\n").encode("ascii")


class LineReader:
    """Puts messages together from pieces of a byte stream.

    What a library writes without ending its line stands before a message and is taken apart from it.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[list[dict[str, Any]], list[str]]:
        """Take a piece of the stream.

        Returns:
            the complete messages, and the other complete lines.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages: list[dict[str, Any]] = []
        others: list[str] = []
        for line in lines:
            text = line.decode("utf-8", errors="replace").rstrip("\r")
            before, mark, rest = text.rpartition(MARK)
            message = _decoded(rest) if mark else None
            if message is not None:
                messages.append(message)
            other = text if message is None else before
            if other:
                others.append(other)
        return messages, others


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
