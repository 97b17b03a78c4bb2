"""A slice of what `Testing/fuzz.py` does for hours: whatever a file holds, its reader says one sentence or takes it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY
from fuzz_targets import Target
from fuzz_targets import targets
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
from mutations import with_other_value
from PatientSpecificTuningLib.engine.errors import InputError

VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=40)
    | strategies.sampled_from(["../../victim", "FLAIR", "baseline", "0001", "labels.nii.gz"]),
    lambda inner: (
        strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(max_size=9), inner)
    ),
    max_leaves=8,
)
JSON_READERS = (
    "model card",
    "case",
    "corrections",
    "result",
    "tuned version",
    "study",
    "manifest JSON",
    "verdict",
    "decision",
)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Target, bytes]]:
    """Every reader with its valid file."""
    return {t.name: (t, t.valid()) for t in targets(tmp_path_factory.mktemp("valid") / "files")}


@pytest.mark.long
@pytest.mark.parametrize("name", JSON_READERS)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(other=VALUES, chance=strategies.randoms(use_true_random=False))
def test_any_json_value_in_any_place_is_taken_or_refused_in_a_sentence(
    readers, name: str, other: Any, chance: Any
) -> None:
    target, valid = readers[name]
    target.path.write_text(json.dumps(with_other_value(json.loads(valid), other, chance)), encoding="utf-8")
    try:
        with suppress(InputError):
            target.read()
    finally:
        target.path.write_bytes(valid)


@pytest.mark.long
def test_damaged_files_and_messages_end_in_one_sentence_without_crash_hang_or_writing_elsewhere(
    readers: dict[str, tuple[Target, bytes]], tmp_path: Path
) -> None:
    command = [sys.executable, str(REPOSITORY / "Testing" / "fuzz.py"), "--inside", "--minutes", "0.3"]
    done = subprocess.run(
        [*command, "--finds", str(tmp_path / "finds")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 finds" in done.stdout
    assert {line.rpartition(": ")[0] for line in done.stdout.splitlines()[:-1]} == set(readers)
