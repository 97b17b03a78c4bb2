"""Where the slices of a DICOM volume lie, and whether they lie as one block without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError

_POSITION, _ORIENTATION, _INSTANCE = "0020|0032", "0020|0037", "0020|0013"
_PIXEL_SPACING = "0028|0030"
# Positions are written with rounding; slices of a volume lie much further apart.
_DIGITS = 2
_ROUNDING_MM = 0.02
# Of the distance between slices: what gaps may differ by, and slices be shifted by.
_TOLERANCE = 0.02


@dataclass(frozen=True)
class DicomSlice:
    """One file of a series.

    Attributes:
        file: its path.
        instance: its instance number, which is the order of acquisition.
        position: of the first pixel in LPS mm; None where the file does not say.
        orientation: of rows and columns, (2, 3); None where the file does not say.
        has_spacing: whether the file tells the size of its pixels.
    """

    file: str
    instance: int
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    has_spacing: bool

    @property
    def normal(self) -> NDArray[np.float64] | None:
        """The direction in which slices follow each other."""
        return None if self.orientation is None else np.cross(*self.orientation)

    @property
    def place(self) -> float:
        """Where it lies along its normal in mm; without a position every file is a slice of its own."""
        if self.position is None or self.normal is None:
            return float(self.instance)
        return round(float(np.dot(self.normal, self.position)), _DIGITS)


def read_slice(file: str) -> DicomSlice:
    """Where one file of a series lies, from its header alone.

    Raises:
        RuntimeError: it cannot be read as DICOM.
        ValueError: a number in its header is none.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()

    def values(tag: str) -> list[float]:
        if not reader.HasMetaDataKey(tag):
            return []
        return [float(v) for v in reader.GetMetaData(tag).split("\\") if v.strip()]

    position, orientation = values(_POSITION), values(_ORIENTATION)
    instance = int((values(_INSTANCE) or [0])[0])
    placed = (
        len(position) == 3 and len(orientation) == 6 and bool(np.isfinite([*position, *orientation]).all())
    )
    return DicomSlice(
        file,
        instance,
        np.asarray(position) if placed else None,
        np.reshape(orientation, (2, 3)) if placed else None,
        bool(values(_PIXEL_SPACING)),
    )


def require_regular(slices: Sequence[DicomSlice], what: str) -> None:
    """Refuse slices that are no block of equal distances: the volume would get a wrong spacing in silence.

    Args:
        slices: of one volume, in the order of their places.
        what: such as "The DICOM series in FOLDER for the FLAIR".

    Raises:
        InputError: a gap, slices turned or shifted against each other, or no place at all.
    """
    if any(s.position is None or not s.has_spacing for s in slices):
        message = f"{what} does not say where its slices lie or how large its pixels are; export it again."
        raise InputError(message)
    if len(slices) < 2:
        return
    orientations = np.stack([s.orientation for s in slices if s.orientation is not None])
    positions = np.stack([s.position for s in slices if s.position is not None])
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        message = f"{what} has slices of different directions; export the slices of one direction alone."
        raise InputError(message)
    normal = np.cross(*orientations[0])
    steps = np.diff(positions, axis=0)
    gaps = steps @ normal
    usual = float(np.median(gaps))
    allowed = _ROUNDING_MM + _TOLERANCE * usual
    if np.abs(gaps - usual).max() > allowed:
        message = (
            f"{what} has gaps of {gaps.min():.4g} to {gaps.max():.4g} mm between its slices, so slices are missing or"
            " unequally spaced; export it completely, or as one file with a regular grid."
        )
        raise InputError(message)
    if np.linalg.norm(steps - np.outer(gaps, normal), axis=1).max() > allowed:
        message = f"{what} has slices that are shifted against each other (gantry tilt); resample it to a regular grid."
        raise InputError(message)
