"""The volumes of a folder with one DICOM series, which may hold several phases or b-values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError

_POSITION, _ORIENTATION, _INSTANCE = "0020|0032", "0020|0037", "0020|0013"
# Positions are written with rounding; slices of a volume lie much further apart.
_DIGITS = 2


def dicom_volumes(folder: Path, name: str) -> list[list[str]]:
    """The files of each volume, slices in the order of their positions, told from the headers alone.

    Slices at one position belong to as many volumes, in the order of their instance numbers, which is that of
    acquisition.

    Args:
        name: what error messages call the sequence.

    Raises:
        InputError: the folder holds no series or several, or the volumes differ in their slices.
    """
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        message = (
            f"The folder {folder} for the {name} holds {len(series)} DICOM series where one is expected;"
            " give a folder with that series alone."
        )
        raise InputError(message)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    slices: dict[float, list[tuple[int, str]]] = {}
    for file in files:
        position, instance = _place(file)
        slices.setdefault(position, []).append((instance, file))
    counts = {len(found) for found in slices.values()}
    if counts == {1}:
        return [list(files)]
    if len(counts) > 1:
        message = (
            f"The DICOM series in {folder} for the {name} has {min(counts)} to {max(counts)} images at each slice, so"
            " its volumes are not complete; export it again, or as one file for each volume."
        )
        raise InputError(message)
    stacks = [[file for _, file in sorted(slices[position])] for position in sorted(slices)]
    return [list(volume) for volume in zip(*stacks, strict=True)]


def _place(file: str) -> tuple[float, int]:
    """Where a slice lies along its normal in mm, and its instance number."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()

    def values(tag: str) -> list[float]:
        return [float(v) for v in reader.GetMetaData(tag).split("\\")] if reader.HasMetaDataKey(tag) else []

    position, orientation = values(_POSITION), values(_ORIENTATION)
    instance = int((values(_INSTANCE) or [0])[0])
    if len(position) != 3 or len(orientation) != 6:
        # Without a position every file is a slice of its own.
        return float(instance), instance
    normal = np.cross(orientation[:3], orientation[3:])
    return round(float(np.dot(normal, position)), _DIGITS), instance
