"""The sample cases that come with the extension, and which shipped model each belongs to."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..files.resources import RESOURCES

SAMPLES = RESOURCES / "SampleData"
DEFAULT_SAMPLE = "brain"


def sample_names() -> list[str]:
    """Names of the sample cases, which are those of their organs, in lower case."""
    return sorted(_folders())


def sample_folder(name: str) -> Path:
    """The folder of a sample case; upper and lower case are the same.

    Raises:
        InputError: there is no such sample case.
    """
    folder = _folders().get(name.lower())
    if folder is None:
        message = f"There is no sample case {name!r}; use one of {', '.join(sample_names())}."
        raise InputError(message)
    return folder


def _folders() -> dict[str, Path]:
    return {folder.name.lower(): folder for folder in SAMPLES.glob("*") if folder.is_dir()}
