"""The manifest of a cohort: one row for each examination, as CSV or JSON, or found in a BIDS data set.

Columns are `patient`, `examination` (baseline or followup), `organ_mask`, `lesions`, and one for each sequence of the
model, such as FLAIR and T1. Several files of a sequence are separated by semicolons. Where volumes of a series are
missing or in another order, a column such as DCE_channels tells which of them, counted from 1, serves each channel of
the model: 1;1;2;3. Paths are relative to the manifest. Other columns are left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.atomic import replace_when_complete
from ..files.json_file import parse_json
from ..files.text_file import read_text
from ..images.scan_files import ExaminationFiles
from ..model.card import ModelCard
from .bids import bids_rows
from .bids import is_bids
from .manifest_check import CHANNELS
from .manifest_check import check_files
from .manifest_check import check_rows
from .patient import BASELINE
from .patient import CohortPatient
from .patient import Problem
from .patient import Row
from .patient import require_no_problem

PATIENT, EXAMINATION, ORGAN_MASK, LESIONS = "patient", "examination", "organ_mask", "lesions"
SEPARATOR = ";"


def read_cohort(
    manifest: Path, card: ModelCard, *, single: bool = False, missing_sequence: str = "error"
) -> list[CohortPatient]:
    """Read a manifest and check it completely: every row, every file, before anything runs.

    Args:
        manifest: a CSV or JSON file, or the folder of a BIDS data set with two sessions for each patient.
        card: the model that the cohort is for; it says which sequences and masks are needed.
        single: patients have one examination, as for the training of a base model.
        missing_sequence: "zero" to do without a sequence that the card names as dispensable.

    Raises:
        InputError: anything cannot be used; the message lists all problems with row and column.
    """
    manifest = Path(manifest)
    rows, problems = _rows(manifest, single=single)
    folder = manifest if manifest.is_dir() else manifest.parent
    needed = _needed_columns(card, single=single, missing_sequence=missing_sequence)
    sequences = [pathway.sequence for pathway in card.pathways]
    problems += check_rows(rows, needed, single=single)
    examinations = [(row, _files(row, folder, sequences)) for row in rows]
    problems += check_files(examinations, card, single=single)
    require_no_problem(problems, manifest)
    patients: dict[str, dict[str, ExaminationFiles]] = {}
    for row, files in examinations:
        patients.setdefault(row.cell(PATIENT), {})[row.cell(EXAMINATION) or BASELINE] = files
    return [CohortPatient(identifier, found) for identifier, found in patients.items()]


def write_manifest(path: Path, patients: Sequence[CohortPatient]) -> None:
    """Write a manifest as CSV with paths relative to its folder; masks and lesions must be named."""
    sequences = list(dict.fromkeys(s for p in patients for e in p.examinations.values() for s in e.sequences))
    with (
        replace_when_complete(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([PATIENT, EXAMINATION, *sequences, ORGAN_MASK, LESIONS])
        for patient in patients:
            for name, files in patient.examinations.items():
                given = [files.sequences.get(sequence, []) for sequence in sequences]
                masks = [[mask] if mask else [] for mask in (files.organ_mask, files.lesions)]
                cells = [SEPARATOR.join(_relative(p, path.parent) for p in paths) for paths in given + masks]
                writer.writerow([patient.identifier, name, *cells])


def _rows(manifest: Path, *, single: bool) -> tuple[list[Row], list[Problem]]:
    """All rows of a manifest; problems where the rows of one patient cannot be made out."""
    if manifest.is_dir():
        if is_bids(manifest):
            return bids_rows(manifest, single=single)
        message = f"{manifest} has no folder sub-... as a BIDS data set has; give one, or a manifest as CSV or JSON."
        raise InputError(message)
    try:
        if manifest.exists() and not manifest.is_file():
            message = f"The manifest {manifest} is neither a file nor a folder; give a CSV or JSON file."
            raise InputError(message)
        text = read_text(manifest)
    except FileNotFoundError as error:
        message = f"The manifest {manifest} does not exist; check the path."
        raise InputError(message) from error
    except (OSError, ValueError) as error:
        message = (
            f"The manifest {manifest} cannot be read as UTF-8 text; save it again as CSV (UTF-8) or JSON."
        )
        raise InputError(message) from error
    rows = _json_rows(text, manifest) if manifest.suffix.lower() == ".json" else _csv_rows(text, manifest)
    if not rows:
        message = f"The manifest {manifest} names no examination; it needs a row for each."
        raise InputError(message)
    return rows, []


def _csv_rows(text: str, manifest: Path) -> list[Row]:
    first = text.partition("\n")[0]
    # Spreadsheets of some countries separate columns otherwise; paths then need another way to be listed.
    delimiter = max(",\t", key=first.count) if any(d in first for d in ",\t") else ";"
    reader = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        message = f"Line {reader.line_num} of the manifest {manifest} is not CSV ({error}); save it again."
        raise InputError(message) from error
    if not lines:
        return []
    header = [cell.strip() for cell in lines[0][1]]
    return [
        Row(f"row {number}", dict(zip(header, cells, strict=False)))
        for number, cells in lines[1:]
        if any(cell.strip() for cell in cells)
    ]


def _json_rows(text: str, manifest: Path) -> list[Row]:
    try:
        values = parse_json(text)
    except ValueError as error:
        message = f"The manifest {manifest} is not JSON ({error}); correct it."
        raise InputError(message) from error
    entries = values.get("examinations") if isinstance(values, dict) else values
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        message = f'The manifest {manifest} must hold {{"examinations": [...]}} with an object for each examination.'
        raise InputError(message)
    return [
        Row(f"row {number}", {str(key): _as_cell(value) for key, value in entry.items()})
        for number, entry in enumerate(entries, start=1)
    ]


def _as_cell(value: Any) -> str:
    if value is None:
        return ""
    return SEPARATOR.join(map(str, value)) if isinstance(value, list) else str(value)


def _needed_columns(card: ModelCard, *, single: bool, missing_sequence: str) -> list[str]:
    sequences = [pathway.sequence for pathway in card.pathways]
    if missing_sequence == "zero":
        sequences = [s for s in sequences if s not in card.missing_sequences] or sequences
    masks = [] if card.organ == "brain" else [ORGAN_MASK]
    return [PATIENT, *([] if single else [EXAMINATION]), *sequences, *masks, LESIONS]


def _files(row: Row, folder: Path, sequences: Sequence[str]) -> ExaminationFiles:
    given = {sequence: _paths(row.cell(sequence), folder) for sequence in sequences if row.cell(sequence)}
    mask, lesions = (next(iter(_paths(row.cell(column), folder)), None) for column in (ORGAN_MASK, LESIONS))
    channels = {s: numbers for s in given if (numbers := _numbers(row.cell(f"{s}{CHANNELS}")))}
    return ExaminationFiles(given, mask, lesions, channels)


def _numbers(cell: str) -> tuple[int, ...]:
    """Whole numbers separated by semicolons; none where the cell holds anything else."""
    parts = [part.strip() for part in cell.split(SEPARATOR)]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def _paths(cell: str, folder: Path) -> list[Path]:
    return [folder / part.strip() for part in cell.split(SEPARATOR) if part.strip()]


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
