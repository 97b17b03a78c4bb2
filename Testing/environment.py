"""A virtual environment with the pinned requirements: made once, reused while the requirements stay the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parent
REPOSITORY = TESTING.parent
REQUIREMENTS = TESTING / "requirements.txt"
# Not available everywhere; without them some tests are skipped.
OPTIONAL_REQUIREMENTS = {
    TESTING / "requirements-panel.txt": "slicer-core is not available here: the panel's tests are skipped.",
    TESTING / "requirements-motion.txt": "itk-elastix is not available here: motion cannot be corrected.",
    TESTING
    / "requirements-dicom.txt": "highdicom is not available here: results cannot be written as DICOM.",
}
ENVIRONMENT = REPOSITORY / ".venv"
PACKAGE_ROOT = REPOSITORY / "PatientSpecificTuning"
OLDEST_PYTHON = (3, 11)


def run_inside(arguments: list[str]) -> int:
    """Run Python with `arguments` where all requirements are installed and return its exit code.

    The running interpreter is used when it has every requirement already. `PatientSpecificTuningLib` can be
    imported there.
    """
    try:
        python = sys.executable if has_requirements() else str(prepared_python())
    except EnvironmentNotReadyError as error:
        print(error, file=sys.stderr)
        return 2
    variables = dict(os.environ)
    earlier = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = os.pathsep.join([str(PACKAGE_ROOT), *([earlier] if earlier else [])])
    process = subprocess.Popen([python, *arguments], env=variables)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The child gets the same Ctrl-C and decides how to end; its exit code is then ours.
            continue


class EnvironmentNotReadyError(RuntimeError):
    """The environment could not be made; the message is one sentence for the user."""


def required_versions() -> dict[str, str]:
    """Package name to pinned version, as requirements.txt lists them."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(pins)


def has_requirements() -> bool:
    """Whether the running interpreter has every pinned version; builds such as 2.13.0+cpu count as 2.13.0."""
    for name, version in required_versions().items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return False
        if installed.partition("+")[0] != version:
            return False
    return True


def prepared_python() -> Path:
    """The interpreter of the virtual environment, made or brought up to date where needed.

    Raises:
        EnvironmentNotReadyError: Python is too old, or the environment or its packages cannot be installed.
    """
    base = _base_python()
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = ENVIRONMENT / "requirements.sha256"
    contents = b"".join(path.read_bytes() for path in (REQUIREMENTS, *OPTIONAL_REQUIREMENTS))
    wanted = hashlib.sha256(contents + base.encode()).hexdigest()
    if python.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Setting up the virtual environment in {ENVIRONMENT} (once, some minutes) ...", file=sys.stderr)
    _call(
        [base, "-m", "venv", "--clear", str(ENVIRONMENT)],
        "The virtual environment cannot be made; install the venv module of Python (python3-venv) and run again.",
    )
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r"]
    _call(
        [*install, str(REQUIREMENTS)],
        "The pinned packages cannot be installed; see the lines above, check the network connection and run again.",
    )
    for requirements, without in OPTIONAL_REQUIREMENTS.items():
        try:
            _call([*install, str(requirements)], without)
        except EnvironmentNotReadyError as note:
            print(note, file=sys.stderr)
    mark.write_text(wanted, encoding="utf-8")
    return python


def _base_python() -> str:
    if sys.version_info >= OLDEST_PYTHON:
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            return found
    needed, own = ".".join(map(str, OLDEST_PYTHON)), ".".join(map(str, sys.version_info[:2]))
    message = f"Python {needed} or newer is needed and this is {own}; install it and run again."
    raise EnvironmentNotReadyError(message)


def _call(command: list[str], complaint: str) -> None:
    # Standard output belongs to the command that is run later, which may be read by a machine.
    try:
        code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    except OSError:
        code = 1
    if code != 0:
        raise EnvironmentNotReadyError(complaint)


if __name__ == "__main__":
    sys.exit(run_inside(sys.argv[1:]))
