"""Tiny patients and a tiny model for the stories; run by itself, with Slicer's Python, it writes them into a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
PACKAGE_ROOT = TESTING.parent / "PatientSpecificTuning"
MADE = "complete"


def write(folder: Path) -> None:
    """Two tiny patients, a model that finds something in both, one that finds nothing, and one for the sample case."""
    sys.path[:0] = [str(PACKAGE_ROOT), str(TESTING / "Python")]
    from patients import write_patient
    from patients import write_tiny_model

    write_patient(folder / "first", seed=1)
    write_patient(folder / "second", seed=7)
    write_tiny_model(folder / "model", lesion_bias=-1.0)
    write_tiny_model(folder / "blind", lesion_bias=-20.0)
    # On the sample case, which is no tiny patient, the first would mark a third of the brain.
    write_tiny_model(folder / "sparse", lesion_bias=-7.5)
    (folder / MADE).write_text("", encoding="utf-8")


def materials(folder: Path, python: str) -> Path:
    """The folder, filled where it is not yet; torch is loaded in a process of its own, never in Slicer.

    Raises:
        AssertionError: they cannot be written; torch may be missing.
    """
    if not (folder / MADE).is_file():
        command = [python, str(Path(__file__).resolve()), str(folder)]
        run = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
        if run.returncode:
            message = f"The tiny patients cannot be made: {run.stderr.strip()[-2000:]}"
            raise AssertionError(message)
    return folder


if __name__ == "__main__":
    write(Path(sys.argv[1]))
