"""Run every test, or with --quick all but the long ones: sets up what they need, then hands over to pytest."""

from __future__ import annotations

import sys
from pathlib import Path

from environment import TESTING
from environment import run_inside

QUICK = "--quick"
# One process for each core; a file stays in one process, so what its tests share is made once.
SPREAD = ("-n", "auto", "--dist", "loadfile")


def pytest_arguments(given: list[str]) -> list[str]:
    """The user's arguments with our configuration; the whole suite where none of them is a file or folder."""
    tests = TESTING / "Python"
    quick = ["-m", "not long"] if QUICK in given else []
    given = [argument for argument in given if argument != QUICK]
    names_tests = any(Path(argument.partition("::")[0]).exists() for argument in given)
    # A few tests are done before other processes have started.
    chosen = [] if names_tests else [*SPREAD, str(tests)]
    return ["-m", "pytest", "-c", str(tests / "pytest.ini"), f"--rootdir={tests}", *quick, *given, *chosen]


if __name__ == "__main__":
    sys.exit(run_inside(pytest_arguments(sys.argv[1:])))
