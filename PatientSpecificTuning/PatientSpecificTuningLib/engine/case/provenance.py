"""What a version was made from, so that the same work is not done twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any

from .case import Case


def made_before(case: Case, kind: str, origin: Mapping[str, Any]) -> str | None:
    """The newest version that was made from the same things, which becomes current; None without any."""
    for number in reversed(case.versions(kind)):
        if _agrees(case.version_info(kind, number), origin):
            case.set_current(kind, number)
            return number
    return None


def _agrees(info: Mapping[str, Any], origin: Mapping[str, Any]) -> bool:
    """Whether a version was made from the same things; compared as JSON, since it was read from JSON."""
    plain = json.loads(json.dumps(origin))
    return all(info.get(key) == value for key, value in plain.items())


def now() -> str:
    """The time, for the record."""
    return datetime.now(UTC).isoformat(timespec="seconds")
