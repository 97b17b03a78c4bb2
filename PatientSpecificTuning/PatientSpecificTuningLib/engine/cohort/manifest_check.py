"""Everything that can be wrong with a manifest, found before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..files.decimal_points import decimal_points
from ..images.geometry import Grid
from ..images.scan_files import ExaminationFiles
from ..images.volumes import count_volumes
from ..images.volumes import read_labelmap
from ..model.card import ModelCard
from .patient import BASELINE
from .patient import FOLLOWUP
from .patient import Problem
from .patient import Row
from .patient import is_identifier

CHANNELS = "_channels"


def check_rows(rows: Sequence[Row], needed: Sequence[str], *, single: bool) -> list[Problem]:
    """What the text of the rows tells: columns, identifiers, examinations that are missing or named twice."""
    columns = {column for row in rows for column in row.cells}
    missing = [column for column in needed if column not in columns]
    problems = [Problem("header", column, "is missing; add this column.") for column in missing]
    for row in rows:
        for column in needed:
            if column in columns and not row.cell(column):
                problems.append(Problem(row.place, column, "is empty; fill it in."))
        identifier = row.cell("patient")
        if identifier and not is_identifier(identifier):
            text = f"{identifier!r} cannot name a folder; use letters, digits, dots, dashes and underscores, and no name of a device such as CON."
            problems.append(Problem(row.place, "patient", text))
        examination = row.cell("examination")
        if examination and examination not in (BASELINE, FOLLOWUP):
            text = f"{examination!r} is neither {BASELINE} nor {FOLLOWUP}; use one of them."
            problems.append(Problem(row.place, "examination", text))
    return problems + _check_pairs(rows, single=single)


def _check_pairs(rows: Sequence[Row], *, single: bool) -> list[Problem]:
    """Every patient has each examination once, and no two identifiers differ in case alone."""
    problems = []
    seen: dict[tuple[str, str], Row] = {}
    for row in rows:
        identifier, examination = row.cell("patient"), row.cell("examination") or BASELINE
        key = identifier.casefold(), examination
        if identifier and key in seen:
            text = f"{identifier} {examination} stands in {seen[key].place} already; name every examination once."
            problems.append(Problem(row.place, "patient", text))
        seen.setdefault(key, row)
    if single:
        return problems
    for (identifier, examination), row in seen.items():
        other = FOLLOWUP if examination == BASELINE else BASELINE
        if identifier and examination in (BASELINE, FOLLOWUP) and (identifier, other) not in seen:
            text = f"{row.cell('patient')} has no {other}; add its row or leave the patient out."
            problems.append(Problem(row.place, "examination", text))
    return problems


def check_files(
    examinations: Sequence[tuple[Row, ExaminationFiles]], card: ModelCard, *, single: bool
) -> list[Problem]:
    """What the files tell: missing, unreadable, empty, used twice, or not of one examination."""
    problems = []
    users: dict[Path, str] = {}
    for row, files in examinations:
        grid = None
        for sequence, paths in files.sequences.items():
            found, first = _check_sequence(row, sequence, files, card)
            problems += found
            grid = grid or first
            problems += _check_unused(row, sequence, paths, users)
        needs_lesion = single or row.cell("examination") == BASELINE
        for column, path, may_be_empty in (
            ("organ_mask", files.organ_mask, False),
            ("lesions", files.lesions, not needs_lesion),
        ):
            if path is not None:
                problems += _check_mask(row, column, path, grid, may_be_empty=may_be_empty)
        if files.lesions is not None:
            problems += _check_unused(row, "lesions", [files.lesions], users)
    return problems


def _check_sequence(
    row: Row, sequence: str, files: ExaminationFiles, card: ModelCard
) -> tuple[list[Problem], Grid | None]:
    """Problems of the files of a sequence, and the grid of the first one."""
    expected = next(p.channels for p in card.pathways if p.sequence == sequence)
    problems, grid, count = [], None, 0
    for path in files.sequences[sequence]:
        try:
            count += count_volumes(path, sequence)
            grid = grid or _grid_of(path)
        except InputError as error:
            problems.append(Problem(row.place, sequence, str(error)))
    column, wanted = f"{sequence}{CHANNELS}", files.channels.get(sequence, ())
    if row.cell(column):
        if len(wanted) != expected or min(wanted) < 1 or max(wanted) > count:
            text = f"must name {expected} of the {count} volume(s), counted from 1, such as 1;1;2;3."
            problems.append(Problem(row.place, column, text))
    elif not problems and count != expected:
        text = f"has {count} volume(s) but the model {card.name} needs {expected}; give exactly these, or name them in {column}."
        problems.append(Problem(row.place, sequence, text))
    return problems, grid


@decimal_points()
def _grid_of(path: Path) -> Grid | None:
    """Where an image lies, from its header; None for a DICOM folder, whose files are not all opened.

    Raises:
        InputError: the image is not 3D.
    """
    if path.is_dir():
        return None
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    n = reader.GetDimension()
    if n < 3:
        message = f"{path} is not a 3D volume but a picture; give a volume with several slices."
        raise InputError(message)
    axes = np.reshape(reader.GetDirection(), (n, n))[:3, :3].ravel()
    return Grid(
        reader.GetSize()[:3], reader.GetSpacing()[:3], reader.GetOrigin()[:3], tuple(map(float, axes))
    )


def _check_mask(row: Row, column: str, path: Path, grid: Grid | None, *, may_be_empty: bool) -> list[Problem]:
    try:
        mask = read_labelmap(path, column.replace("_", " "))
    except InputError as error:
        return [Problem(row.place, column, str(error))]
    inside = sitk.GetArrayViewFromImage(mask) > 0
    if not inside.any():
        if may_be_empty:
            return []
        return [Problem(row.place, column, f"{path} is empty; give a labelmap that shows something.")]
    if grid is not None and not grid.shows(mask):
        text = f"{path} lies beside the images of this row; check that they belong together."
        return [Problem(row.place, column, text)]
    return []


def _check_unused(row: Row, column: str, paths: Sequence[Path], users: dict[Path, str]) -> list[Problem]:
    """No file serves twice; a copied line is the most common mistake in a manifest."""
    problems = []
    for path in paths:
        place = f"{row.place}, column {column}"
        if path in users:
            problems.append(
                Problem(row.place, column, f"{path} serves in {users[path]} already; check both.")
            )
        users.setdefault(path, place)
    return problems
