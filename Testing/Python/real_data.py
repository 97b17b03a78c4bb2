"""Where openly licensed real scans may lie for development; users do not have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


def data_folder(*parts: str) -> Path:
    """A file or folder of the real scans; the test is skipped where it is absent."""
    root = Path(os.environ.get("PST_DATA", _BESIDE_THE_CHECKOUT))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs real scans: {'/'.join(parts)} is not in the folder that PST_DATA names")
    return path
