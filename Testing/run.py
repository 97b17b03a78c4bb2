"""Run every test: sets up what they need, then hands its arguments on to pytest."""

from __future__ import annotations

import sys
from pathlib import Path

from environment import TESTING
from environment import run_inside


def pytest_arguments(given: list[str]) -> list[str]:
    """The user's arguments with our configuration; the whole suite where none of them is a file or folder."""
    tests = TESTING / "Python"
    names_tests = any(Path(argument.partition("::")[0]).exists() for argument in given)
    chosen = [] if names_tests else [str(tests)]
    return ["-m", "pytest", "-c", str(tests / "pytest.ini"), f"--rootdir={tests}", *given, *chosen]


if __name__ == "__main__":
    sys.exit(run_inside(pytest_arguments(sys.argv[1:])))
