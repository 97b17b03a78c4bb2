"""What every test needs: the package on the path and torch on one thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE_ROOT = REPOSITORY / "PatientSpecificTuning"
for folder in (PACKAGE_ROOT, REPOSITORY / "Testing", Path(__file__).parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
# Tiny arrays gain nothing from threads, and many small threaded calls are slower than single ones.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests that start a process find the package in the same way.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])]
)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return REPOSITORY


# Rooms whose tests prepare and tune many tiny patients, and judge neither alignment nor what is learned.
ROOMS_OF_LITTLE_WORK = {"panel", "command_line"}


@pytest.fixture(scope="module", autouse=True)
def little_work(request: pytest.FixtureRequest) -> Iterator[None]:
    """Registration that hardly searches and few patches, where only what happens around them is tested."""
    if request.path.parent.name not in ROOMS_OF_LITTLE_WORK:
        yield
        return
    from PatientSpecificTuningLib.engine.images import registration
    from PatientSpecificTuningLib.engine.tuning import plan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration, "_RIGID_ITERATIONS", 3)
        patch.setattr(plan, "MOST_POOLED_PER_SLICE", plan.WINDOWS_PER_SLICE)
        yield
