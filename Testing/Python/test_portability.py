"""The same program on Linux, macOS and Windows: nothing is called that only one of them has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY

LIBRARY = REPOSITORY / "PatientSpecificTuning"
SCRIPTS = sorted(LIBRARY.rglob("*.py"))
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
WINDOWS_MODULES = {"msvcrt", "winreg", "_winapi", "winsound"}
POSIX_CALLS = {
    "os": {
        "chown", "chroot", "fchmod", "fork", "forkpty", "getgid", "getloadavg", "getpgid", "getppid", "getuid", "geteuid",
        "kill", "killpg", "lchown", "mkfifo", "mknod", "nice", "pread", "pwrite", "sched_getaffinity", "setsid", "statvfs",
        "sync", "sysconf", "uname", "wait", "waitpid",
    },
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "alarm", "pause", "sigwait"},
    "time": {"tzset", "clock_gettime"},
}  # fmt: skip
# Each of these asks first on which system it runs.
GUARDED = {
    "PatientSpecificTuningLib/engine/files/lock.py": {"fcntl", "msvcrt"},
    "PatientSpecificTuningLib/engine/files/processes.py": {"os.kill"},
    "PatientSpecificTuningLib/jobs/memory.py": {"os.sysconf"},
}


# This is where a program that writes 0,5 is told not to, for a while.
ABOUT_COUNTRIES = "PatientSpecificTuningLib/engine/files/decimal_points.py"


def _relative(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


def of_one_system(tree: ast.AST) -> Iterator[str]:
    """Modules and calls that not every system has."""
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
            yield from (
                f"{node.module}.{a.name}"
                for a in node.names
                if a.name in POSIX_CALLS.get(node.module or "", ())
            )
        elif isinstance(node, ast.Attribute):
            module = getattr(node.value, "id", "")
            yield from [f"{module}.{node.attr}"] if node.attr in POSIX_CALLS.get(module, ()) else []
        yield from (name for name in modules if name in POSIX_MODULES | WINDOWS_MODULES)


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_nothing_is_called_that_one_system_alone_has(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = set(of_one_system(ast.parse(text))) - GUARDED.get(_relative(path), set())
    assert found == set()


@pytest.mark.parametrize("name", GUARDED)
def test_what_one_system_alone_has_stands_behind_a_question_for_the_system(name: str) -> None:
    assert 'sys.platform == "win32"' in (LIBRARY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "import fcntl",
        "import os\nos.fork()",
        "from os import getuid",
        "import signal\nsignal.SIGKILL",
        "import msvcrt",
    ],
)
def test_such_a_call_is_noticed(text: str) -> None:
    assert list(of_one_system(ast.parse(text)))


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_text_files_are_opened_with_their_encoding(path: Path) -> None:
    """Windows would take the one of the country otherwise."""
    without = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg for keyword in node.keywords}
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        binary = any("b" in mode and len(mode) <= 3 for mode in modes)
        if (
            name in ("read_text", "write_text")
            and isinstance(node.func, ast.Attribute)
            and "encoding" not in given
        ):
            without.append(node.lineno)
        if (
            name == "open"
            and not isinstance(node.func, ast.Attribute)
            and not binary
            and "encoding" not in given
        ):
            without.append(node.lineno)
    assert without == []


def with_the_numbers_of_a_country(tree: ast.AST) -> Iterator[int]:
    """Lines that write or read numbers as the country of the computer does, with decimal commas for instance."""
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if "locale" in modules or (isinstance(node, ast.ImportFrom) and node.module == "locale"):
            yield node.lineno
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            parts = [part.value for part in node.format_spec.values if isinstance(part, ast.Constant)]
            if parts and str(parts[-1]).endswith("n"):
                yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr in ("toLocaleString", "toLocaleDouble", "strftime"):
            yield node.lineno


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_numbers_and_dates_are_the_same_in_every_country(path: Path) -> None:
    found = list(with_the_numbers_of_a_country(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == [] or _relative(path) == ABOUT_COUNTRIES


@pytest.mark.parametrize("text", ["import locale", "f'{value:.3n}'", "from locale import atof"])
def test_a_number_of_a_country_is_noticed(text: str) -> None:
    assert list(with_the_numbers_of_a_country(ast.parse(text)))
