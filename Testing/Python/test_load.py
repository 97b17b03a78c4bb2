"""Large inputs at a small size; `python3 Testing/load.py` runs them as large as they come."""

from __future__ import annotations

import functools
from pathlib import Path

import load_stories
import pytest


@pytest.mark.parametrize(
    ("story", "size"),
    [
        (load_stories.large_volume, 12),
        (load_stories.many_phases, 24),
        (load_stories.many_lesions, 200),
        (load_stories.many_versions, 30),
        (load_stories.many_patients, 20),
        pytest.param(load_stories.many_tunings, 3, marks=pytest.mark.long),
        pytest.param(
            functools.partial(load_stories.slow_disk, side=48, megabytes_per_s=20.0),
            4,
            marks=pytest.mark.long,
        ),
    ],
    ids=lambda value: getattr(getattr(value, "func", value), "__name__", str(value)),
)
def test_a_large_input_is_served(tmp_path: Path, story, size) -> None:
    assert str(size) in story(tmp_path, size)
