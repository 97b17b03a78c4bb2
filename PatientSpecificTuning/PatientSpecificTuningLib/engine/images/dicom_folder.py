"""The volumes of a folder with one DICOM series, which may hold several phases or b-values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from .dicom_file import holds_what_it_promises
from .dicom_file import is_marked_dicom
from .dicom_slices import DicomSlice
from .dicom_slices import read_slice
from .dicom_slices import require_regular
from .formats import require_utf8
from .limits import require_size

_SUFFIXES = (".dcm", ".ima", ".dicom")
_DIRECTORY = "DICOMDIR"


def dicom_volumes(folder: Path, name: str) -> list[list[str]]:
    """The files of each volume, slices in the order of their positions, told from the headers alone.

    Slices at one position belong to as many volumes, in the order of their instance numbers, which is that of
    acquisition.

    Args:
        name: what error messages call the sequence.

    Raises:
        InputError: the folder holds no series or several, a file of it is damaged, the volumes differ in their
            slices, or the slices lie irregularly.
    """
    require_readable_files(folder, name)
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        message = (
            f"The folder {folder} for the {name} holds {len(series)} DICOM series where one is expected;"
            " give a folder with that series alone."
        )
        raise InputError(message)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    _require_all_read(folder, name, files)
    what = f"The DICOM series in {folder} for the {name}"
    slices: dict[float, list[DicomSlice]] = {}
    for file in files:
        found = _read(file, what)
        slices.setdefault(found.place, []).append(found)
    counts = {len(found) for found in slices.values()}
    if len(counts) > 1:
        message = (
            f"{what} has {min(counts)} to {max(counts)} images at each slice, so"
            " its volumes are not complete; export it again, or as one file for each volume."
        )
        raise InputError(message)
    stacks = [sorted(slices[place], key=lambda s: (s.instance, s.file)) for place in sorted(slices)]
    volumes = list(zip(*stacks, strict=True))
    for volume in volumes:
        require_regular(volume, what)
    if len(volumes) == 1:
        # ITK's own order, which keeps the direction in which the slices were taken.
        return [list(files)]
    return [[s.file for s in volume] for volume in volumes]


def read_dicom_volume(files: Sequence[str], folder: Path, name: str) -> sitk.Image:
    """Read the slices of one volume.

    Raises:
        InputError: it is too large.
        RuntimeError: a file cannot be read.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(files[0])
    reader.ReadImageInformation()
    size = (*reader.GetSize()[:2], len(files))
    require_size(f"{name} {folder}", size, reader.GetNumberOfComponents())
    return sitk.ReadImage(list(files))


def _read(file: str, what: str) -> DicomSlice:
    try:
        return read_slice(file)
    except (RuntimeError, ValueError, OverflowError) as error:
        message = f"{what} has a damaged file, {Path(file).name}; export the series again."
        raise InputError(message) from error


def require_readable_files(folder: Path, name: str) -> None:
    """Refuse a folder that the library should not even look into.

    It would wait for a pipe, take the memory for whatever length a file promises, and end the process at a name that
    is not UTF-8.

    Raises:
        InputError: there is such a file.
    """
    for entry in os.scandir(folder):
        require_utf8(Path(entry.path), name)
        if entry.is_symlink() and not os.path.exists(entry.path):
            message = (
                f"{entry.path} in the folder for the {name} is a link to nothing; restore what it leads to."
            )
            raise InputError(message)
        if not entry.is_file() and not entry.is_dir():
            message = f"{entry.path} in the folder for the {name} is no file; remove it."
            raise InputError(message)
        if entry.is_file() and not holds_what_it_promises(entry.path):
            raise InputError(_not_dicom(entry.path, name))


def _require_all_read(folder: Path, name: str, files: Sequence[str]) -> None:
    """The library leaves out what it cannot read; a slice would be missing without a word."""
    read = {os.path.basename(file) for file in files}
    for entry in os.scandir(folder):
        if entry.name not in read and entry.name != _DIRECTORY and _looks_like_dicom(entry):
            raise InputError(_not_dicom(entry.path, name))


def _not_dicom(path: str, name: str) -> str:
    return (
        f"{path} in the folder for the {name} cannot be read as DICOM; restore it from a copy or export the series"
        " again."
    )


def _looks_like_dicom(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or not entry.is_file():
        return False
    if entry.name.lower().endswith(_SUFFIXES):
        return True
    return is_marked_dicom(entry.path)
