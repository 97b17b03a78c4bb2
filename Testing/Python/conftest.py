"""What every test needs: the package on the path, torch on one thread, and one line on what cannot run here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE_ROOT = REPOSITORY / "PatientSpecificTuning"
TESTING = REPOSITORY / "Testing"
for folder in (PACKAGE_ROOT, Path(__file__).parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
# Behind all others: the command slicer.py there must not hide Slicer's own package.
sys.path.append(str(TESTING))
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


_NOT_INSTALLED = "slicer-core and PySide6 are not installed (Testing/requirements-panel.txt)"
_WITH_STANDIN = sorted(
    path.relative_to(Path(__file__).parent).as_posix()
    for path in Path(__file__).parent.rglob("test_*.py")
    if "start_standin" in path.read_text(encoding="utf-8")
)


def _standin_misses() -> str:
    """Why the stand-in of Slicer cannot start here; empty where it can."""
    from Standin.slicer_source import MISSING
    from Standin.slicer_source import sourceFolder

    if find_spec("slicer_core") is None or find_spec("PySide6") is None:
        return _NOT_INSTALLED
    return "" if sourceFolder() else MISSING


collect_ignore = _WITH_STANDIN if _standin_misses() else []


def pytest_terminal_summary(terminalreporter) -> None:
    """Say in one line which tests of the panel were left out, and why."""
    if reason := _standin_misses():
        terminalreporter.write_line(f"LEFT OUT: {', '.join(_WITH_STANDIN)}; {reason}.", yellow=True)
