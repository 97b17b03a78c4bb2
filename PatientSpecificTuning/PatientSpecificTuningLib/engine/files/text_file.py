"""Reading text that somebody else may have written: bounded in size."""

from __future__ import annotations

from pathlib import Path

LARGEST_BYTES = 64 * 1024 * 1024


def read_text(path: Path, *, largest_bytes: int = LARGEST_BYTES) -> str:
    """What a UTF-8 file says, without the mark that some programs put before it; lines end as they do there.

    Raises:
        OSError: it is missing or may not be read.
        ValueError: it is larger than `largest_bytes`, or not UTF-8.
    """
    with open(path, "rb") as stream:
        content = stream.read(largest_bytes + 1)
    if len(content) > largest_bytes:
        message = f"more than {largest_bytes} bytes"
        raise ValueError(message)
    return content.decode("utf-8-sig")
