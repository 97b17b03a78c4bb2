"""The DICOM images that an examination was prepared from, in the order of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..case.examination_record import ExaminationRecord
from ..errors import InputError
from ..files.content_hash import content_hash
from ..images.dicom_folder import dicom_volumes
from ..images.geometry import Grid

if TYPE_CHECKING:
    from pydicom import Dataset

# Positions are written with rounding.
_TOLERANCE_MM = 0.1
NEEDED = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")


def source_images(record: ExaminationRecord, name: str, files: Sequence[Path] | None = None) -> list[Dataset]:
    """Headers of the images of an examination's first sequence, one for each slice of its grid.

    Args:
        files: the DICOM files that the sequence was made from; None where the case was prepared from their folder.

    Raises:
        InputError: the sequence was no DICOM folder, is gone or was changed since, the files are of another place, or
            their headers do not tell what a DICOM object must refer to.
    """
    if files is None:
        files = _prepared_from(record, name)
    if not files:
        message = f"There are no DICOM images of the {name} to refer to; import its series again."
        raise InputError(message)
    return _in_order([_header(Path(file)) for file in files], record.user_grid, Path(files[0]).parent)


def _prepared_from(record: ExaminationRecord, name: str) -> list[Path]:
    sequence, content = next(iter(record.sequences.items()))
    folder = Path(content.files[0])
    if len(content.files) != 1 or not folder.is_dir():
        message = (
            f"The {sequence} of the {name} was not given as a DICOM folder, so there are no images to refer to; prepare"
            " the case from DICOM folders, or use the files of the result as they are."
        )
        raise InputError(message)
    if content_hash([folder], f"{name} {sequence}").sha256 != content.sha256:
        message = f"The DICOM folder {folder} is not as it was when the {name} was prepared; restore it, or prepare a new case."
        raise InputError(message)
    return [Path(file) for file in dicom_volumes(folder, f"{name} {sequence}")[0]]


def _header(file: Path) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        header = dcmread(file, stop_before_pixels=True)
    except (InvalidDicomError, OSError, ValueError) as error:
        message = f"{file} cannot be read as DICOM; export the series again."
        raise InputError(message) from error
    missing = [keyword for keyword in NEEDED if not header.get(keyword) and keyword != "PatientID"]
    if missing:
        message = f"{file} has no {missing[0]}, so that nothing can refer to it; export the series again."
        raise InputError(message)
    return header


def _in_order(headers: list[Dataset], grid: Grid, folder: Path) -> list[Dataset]:
    """One header for each slice of the grid, from its first to its last."""
    image = grid.image(np.zeros(grid.shape, dtype=np.uint8))
    slices: dict[int, Dataset] = {}
    for header in headers:
        position = [float(value) for value in header.ImagePositionPatient]
        x, y, z = image.TransformPhysicalPointToContinuousIndex(position)
        off = np.abs([x * grid.spacing[0], y * grid.spacing[1], (z - round(z)) * grid.spacing[2]]).max()
        if off > _TOLERANCE_MM or (header.Rows, header.Columns) != grid.shape[1:]:
            break
        slices[round(z)] = header
    if sorted(slices) != list(range(len(headers))) or len(headers) != grid.shape[0]:
        message = f"The images in {folder} do not lie on the grid of the result; prepare a new case."
        raise InputError(message)
    return [slices[z] for z in range(grid.shape[0])]
