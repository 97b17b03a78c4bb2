"""Where the files lie that ship with the module."""

from __future__ import annotations

from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parents[3]
RESOURCES = PACKAGE_ROOT / "Resources"
