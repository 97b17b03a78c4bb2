"""What the command that runs the tests hands on to pytest."""

from __future__ import annotations

from run import pytest_arguments


def test_the_whole_suite_is_spread_over_the_cores_file_by_file() -> None:
    arguments = pytest_arguments([])
    assert arguments[arguments.index("-n") + 1] == "auto"
    assert arguments[arguments.index("--dist") + 1] == "loadfile"
    assert "-m" not in arguments[2:]


def test_quick_leaves_out_the_long_tests_and_is_no_word_of_pytest() -> None:
    arguments = pytest_arguments(["--quick", "-x"])
    assert arguments[arguments.index("not long") - 1] == "-m"
    assert "-x" in arguments
    assert "--quick" not in arguments


def test_a_named_file_is_run_alone_in_one_process() -> None:
    arguments = pytest_arguments([f"{__file__}::test_something"])
    assert "-n" not in arguments
    assert arguments[-1].startswith(__file__)
