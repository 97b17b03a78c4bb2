"""Run the stories of Testing/Slicer in a real Slicer: what was seen is printed, a picture is kept for each step."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTING = Path(__file__).resolve().parent
MODULE = TESTING.parent / "PatientSpecificTuning"
QUIT = "quit"
STAGES = ("preparing", "correcting", "tuning", "reviewing")
PATIENCE_S = 20.0


def launch(
    slicer: Path, names: list[str], variables: dict[str, str], options: list[str], limit_s: float
) -> int:
    """Run Slicer with the stories and return its exit code; it is ended where it takes longer than the limit."""
    command = [
        str(slicer),
        "--testing",
        "--no-splash",
        "--additional-module-paths",
        str(MODULE),
        *options,
        "--python-script",
        str(TESTING / "Slicer" / "story_run.py"),
    ]
    environment = {**os.environ, **variables, "PST_STORY_TESTS": json.dumps(names)}
    process = subprocess.Popen(command, env=environment)
    try:
        return process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        print(f"Slicer was ended after {limit_s:.0f} s.", file=sys.stderr)
        return 2


def is_alive(number: int) -> bool:
    """Whether a process runs."""
    if os.name == "nt":
        listed = subprocess.run(
            ["tasklist", "/FI", f"PID eq {number}"], capture_output=True, text=True, check=False
        )
        return str(number) in listed.stdout
    try:
        os.kill(number, 0)
    except OSError:
        return False
    return True


def quits_without_leftovers(
    slicer: Path, variables: dict[str, str], options: list[str], limit_s: float
) -> bool:
    """Whether the worker ends with a Slicer that quits, at each stage of the work."""
    outcomes = [_quits(stage, slicer, variables, options, limit_s) for stage in STAGES]
    return all(outcomes)


def _quits(stage: str, slicer: Path, variables: dict[str, str], options: list[str], limit_s: float) -> bool:
    left = Path(variables["PST_STORY_LEFT"])
    left.unlink(missing_ok=True)
    if launch(slicer, [f"{QUIT} {stage}"], variables, options, limit_s) != 0 or not left.is_file():
        print(f"Slicer did not come as far as {stage}.", file=sys.stderr)
        return False
    number, end = json.loads(left.read_text(encoding="utf-8")), time.monotonic() + PATIENCE_S
    while is_alive(number) and time.monotonic() < end:
        time.sleep(0.2)
    gone = not is_alive(number)
    print(f"Quit while {stage}: the worker {'has ended' if gone else 'still runs'}.")
    return gone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slicer", required=True, type=Path, help="the program Slicer (or SlicerApp)")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each step")
    parser.add_argument("--data", type=Path, help="folder of real scans for Real (PST_DATA names it too)")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which Slicer is ended")
    parser.add_argument(
        "tests",
        nargs="*",
        help=f"parts of names of the tests to run ('{QUIT}' quits in the middle); all by default",
    )
    given, options = parser.parse_known_args()
    if not given.slicer.is_file():
        print(f"{given.slicer} is no program; give the path of Slicer with --slicer.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="pst-stories-"))
    variables = {
        "PST_STORY_MATERIALS": str(folder / "materials"),
        "PST_STORY_LEFT": str(folder / "left.json"),
    }
    if given.pictures is not None:
        variables["PST_STORY_PICTURES"] = str(given.pictures.resolve())
    if given.data is not None:
        variables["PST_DATA"] = str(given.data.resolve())
    try:
        names = [name for name in given.tests if name != QUIT]
        passed = True
        if names or not given.tests:
            passed = launch(given.slicer, names, variables, options, given.limit) == 0
        if QUIT in given.tests or not given.tests:
            passed = quits_without_leftovers(given.slicer, variables, options, given.limit) and passed
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
