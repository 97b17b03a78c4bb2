"""case.json: read as what it must be, written as it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import json_values
from ..files.json_file import read_json
from .dates import ExaminationDates
from .dates import parse_date
from .examination_record import ExaminationRecord
from .layout import CASE_NAME
from .layout import EXAMINATIONS
from .layout import FINAL_JSON

FORMAT_VERSION = 1
NO_DATES = ExaminationDates()


@dataclass(frozen=True)
class CaseValues:
    """What case.json holds: the model, the records and dates of the examinations and the current versions."""

    model: dict[str, str]
    examinations: dict[str, ExaminationRecord]
    current: dict[str, str | None]
    dates: ExaminationDates = NO_DATES


def read_case_file(folder: Path) -> CaseValues:
    """Read case.json of a case folder.

    Raises:
        InputError: no case there, damaged case.json, or a case made by a newer version of the program.
    """
    path = Path(folder) / CASE_NAME
    try:
        values = read_json(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"{folder} is not a case folder, since it has no {CASE_NAME}; run prepare first."
        raise InputError(message) from error
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read; restore it from a copy or prepare a new case folder."
        raise InputError(message) from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        message = (
            f"The case folder {folder} was made by a newer version (format {version}, this program reads up"
            f" to {FORMAT_VERSION}); update the extension to open it."
        )
        raise InputError(message)
    try:
        return _checked(values)
    except (KeyError, ValueError, InputError) as error:
        message = f"{path} is damaged ({error}); restore it from a copy or prepare a new case folder."
        raise InputError(message) from error


def as_text(values: CaseValues) -> str:
    """The text of case.json."""
    plain = {
        "format_version": FORMAT_VERSION,
        "model": values.model,
        "examinations": {name: record.to_dict() for name, record in values.examinations.items()},
        "current": values.current,
        "dates": values.dates.as_dict(),
    }
    # What could not be read back must not take the place of what can.
    return json.dumps(plain, indent=2, allow_nan=False) + "\n"


def _checked(values: Any) -> CaseValues:
    values = json_values.fields(values, json_values.anything)
    records = json_values.fields(values["examinations"], json_values.anything)
    for name in records:
        json_values.choice(name, EXAMINATIONS)
    current = json_values.fields(values["current"], _number)
    for kind in current:
        json_values.choice(kind, FINAL_JSON)
    return CaseValues(
        json_values.fields(values["model"], json_values.text),
        {name: ExaminationRecord.from_dict(record) for name, record in records.items()},
        current,
        _dates(values.get("dates") or {}),
    )


def _dates(values: Any) -> ExaminationDates:
    return ExaminationDates(
        *(
            parse_date(_number(json_values.fields(values, json_values.anything).get(name)), name)
            for name in EXAMINATIONS
        )
    )


def _number(value: Any) -> str | None:
    return None if value is None else json_values.text(value)
