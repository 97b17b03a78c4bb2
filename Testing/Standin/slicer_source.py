"""Slicer's own Python files, taken from a checkout of Slicer that the environment variable SLICER_SOURCE names."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

VARIABLE = "SLICER_SOURCE"
# Relative to the checkout; the first holds slicer.util, parameterNodeWrapper and so on.
PACKAGE, SAMPLE_DATA = Path("Base", "Python", "slicer"), Path("Modules", "Scripted", "SampleData")
MISSING = f"{VARIABLE} names no checkout of Slicer to take Slicer's own Python files from"


class SlicerSourceMissingError(ImportError):
    """There is no checkout of Slicer to take its Python files from."""


def sourceFolder() -> Path | None:
    """The checkout, None where there is none."""
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named and (Path(named) / PACKAGE / "parameterNodeWrapper").is_dir() else None


def useSource() -> None:
    """Make what the checkout holds of the packages `slicer` and `SampleData` importable.

    Raises:
        SlicerSourceMissingError: the variable is not set, or names something else.
    """
    folder = sourceFolder()
    if folder is None:
        raise SlicerSourceMissingError(MISSING)
    import slicer

    package = str(folder / PACKAGE)
    if package not in slicer.__path__:
        slicer.__path__.insert(0, package)
        sys.path.append(str(folder / SAMPLE_DATA))
        # slicer-core brings a slicer.util too, of the version that it was built from.
        sys.modules.pop("slicer.util", None)
        slicer.util = importlib.import_module("slicer.util")
