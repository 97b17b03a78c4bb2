"""What a cohort is: patients with one or two examinations each, as a manifest names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import json_values
from ..images.scan_files import ExaminationFiles

BASELINE, FOLLOWUP = "baseline", "followup"
# Identifiers become folder names on every system.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{i}" for port in ("COM", "LPT") for i in range(10))}


@dataclass(frozen=True)
class Problem:
    """Something in a manifest that cannot be used: where it stands, in which column, and what to do about it."""

    place: str
    column: str
    text: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"{self.place}{column}: {self.text}"


@dataclass(frozen=True)
class Row:
    """One examination as a manifest gives it: where it stands there, and the text of each column."""

    place: str
    cells: dict[str, str]

    def cell(self, column: str) -> str:
        """The text of a column, empty where there is none."""
        return self.cells.get(column, "").strip()


@dataclass(frozen=True)
class CohortPatient:
    """A patient by identifier, with the files of the examinations."""

    identifier: str
    examinations: dict[str, ExaminationFiles] = field(default_factory=dict)

    @property
    def baseline(self) -> ExaminationFiles:
        """The examination that was read before."""
        return self.examinations[BASELINE]

    @property
    def followup(self) -> ExaminationFiles:
        """The examination that is judged."""
        return self.examinations[FOLLOWUP]

    def to_dict(self) -> dict[str, Any]:
        """Identifier and paths as JSON values."""
        return {"patient": self.identifier, **{n: _to_dict(f) for n, f in self.examinations.items()}}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CohortPatient:
        """Build a patient from what `to_dict` gave.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another kind than it must be.
        """
        values = json_values.fields(values, json_values.anything)
        names = [name for name in (BASELINE, FOLLOWUP) if name in values]
        return cls(json_values.text(values["patient"]), {name: _from_dict(values[name]) for name in names})


def is_identifier(text: str) -> bool:
    """Whether a text can name a patient: letters, digits, dot, dash and underscore, which every system allows."""
    # Windows keeps some names for devices, also with an ending.
    reserved = text.partition(".")[0].upper() in _RESERVED
    return bool(_IDENTIFIER.fullmatch(text)) and not text.endswith(".") and not reserved


def require_no_problem(problems: Sequence[Problem], manifest: Path) -> None:
    """Refuse a manifest with everything that is wrong with it at once.

    Raises:
        InputError: there is a problem; the message has one line for each.
    """
    if not problems:
        return
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  {problem}" for problem in problems)
    message = (
        f"The manifest {manifest} has {count}; nothing was run, correct what follows and run again:\n{lines}"
    )
    raise InputError(message)


def _to_dict(files: ExaminationFiles) -> dict[str, Any]:
    return {
        "sequences": {name: [str(path) for path in paths] for name, paths in files.sequences.items()},
        "organ_mask": None if files.organ_mask is None else str(files.organ_mask),
        "lesions": None if files.lesions is None else str(files.lesions),
        "channels": {name: list(numbers) for name, numbers in files.channels.items()},
    }


def _from_dict(values: dict[str, Any]) -> ExaminationFiles:
    values = json_values.fields(values, json_values.anything)
    mask, lesions = values["organ_mask"], values["lesions"]
    return ExaminationFiles(
        json_values.fields(values["sequences"], lambda paths: list(json_values.entries(paths, _path))),
        None if mask is None else _path(mask),
        None if lesions is None else _path(lesions),
        json_values.fields(values["channels"], lambda numbers: json_values.entries(numbers, _channel)),
    )


def _path(value: Any) -> Path:
    return Path(json_values.text(value))


def _channel(value: Any) -> int:
    return json_values.integer(value, 1, 100_000)
