"""When a version was made, for the record."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime


def now() -> str:
    """The time, for the record."""
    return datetime.now(UTC).isoformat(timespec="seconds")
