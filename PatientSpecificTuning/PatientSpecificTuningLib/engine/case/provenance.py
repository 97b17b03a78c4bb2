"""When a version was made, for the record."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

from ..files.content_hash import content_hash

PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "safetensors")


def now() -> str:
    """The time, for the record."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def circumstances() -> dict[str, Any]:
    """Versions of the program and of what it rests on, for the record; None where a package is absent."""
    return {"versions": {"source": source_hash(), "python": platform.python_version(), **_packages()}}


@functools.cache
def source_hash() -> str:
    """The first digits of the SHA-256 over the engine's own files: it tells versions of the program apart."""
    engine = Path(__file__).resolve().parents[1]
    return content_hash(sorted(engine.rglob("*.py")), "engine").sha256[:12]


def _packages() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
