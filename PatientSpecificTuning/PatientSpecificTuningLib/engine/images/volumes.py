"""Reading and writing volumes and labelmaps, with a clear word where one cannot be used."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..files.atomic import replace_when_complete
from ..files.decimal_points import decimal_points
from .dicom_file import holds_what_it_promises
from .dicom_folder import dicom_volumes
from .dicom_folder import read_dicom_volume
from .formats import IMAGE_SUFFIXES
from .formats import SINGLE_DICOM_SUFFIXES
from .formats import require_utf8
from .geometry import check_geometry
from .limits import require_size
from .nifti_file import is_nifti
from .nifti_file import nifti_problem
from .text_header import text_header_problem


def read_volume(path: Path, name: str) -> sitk.Image:
    """Read one 3D volume: NIfTI, NRRD, MetaImage or a folder with one DICOM series.

    Args:
        path: file or DICOM folder.
        name: what error messages call the volume.

    Returns:
        float32 3D image.

    Raises:
        InputError: missing, unreadable, not 3D, constant, or with NaN or infinite values.
    """
    volumes = read_sequence([path], name)
    if len(volumes) != 1:
        message = (
            f"The {name} in {path} has {len(volumes)} volumes where one is expected; give a single 3D volume."
        )
        raise InputError(message)
    return volumes[0]


def read_sequence(paths: Sequence[Path], name: str) -> list[sitk.Image]:
    """Read all channels of one MR sequence: one 4D (or vector) file, several 3D files, or a DICOM series.

    Returns:
        float32 3D images, one per channel.

    Raises:
        InputError: as `read_volume`, or no file is given.
    """
    volumes = [
        volume
        for path in map(Path, paths)
        for image in _read(path, name)
        for volume in _channels(image, path, name)
    ]
    if not volumes:
        message = f"No file is given for the {name}; choose its image."
        raise InputError(message)
    for volume in volumes:
        _check_values(volume, name)
    return volumes


@decimal_points()
def count_volumes(path: Path, name: str) -> int:
    """How many 3D volumes `read_sequence` finds in a file or DICOM folder, told from the header alone.

    Raises:
        InputError: missing or unreadable.
    """
    path = Path(path)
    _require_existing(path, name)
    reader = sitk.ImageFileReader()
    try:
        reader.SetFileName(str(path))
        if path.is_dir():
            return len(dicom_volumes(path, name))
        _require_known_format(path, name)
        _require_readable_header(path, name)
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(_unreadable(path, name, error)) from error
    require_size(f"{name} {path}", reader.GetSize(), reader.GetNumberOfComponents())
    return math.prod(reader.GetSize()[3:]) * reader.GetNumberOfComponents()


def read_labelmap(path: Path, name: str) -> sitk.Image:
    """Read a labelmap or mask; everything that is not background counts.

    Integer files count from 1 on, floating-point files (such as averaged masks) from half of 1 on. Overlapping
    segments of a .seg.nrrd are united.

    Returns:
        uint8 3D image, 0 and 1; it may be empty.

    Raises:
        InputError: missing, unreadable, not 3D, with NaN values, or with voxels that cannot be placed in the patient.
    """
    path = Path(path)
    labels = []
    for image in _read(path, name):
        threshold = 0.5 if "float" in image.GetPixelIDTypeAsString() else 1e-9
        for channel in _channels(image, path, name):
            if np.isnan(sitk.GetArrayViewFromImage(channel)).any():
                message = f"The {name} in {path} has NaN values; export it again as a labelmap."
                raise InputError(message)
            check_geometry(channel, f"{name} {path}")
            labels.append(channel >= threshold)
    return functools.reduce(sitk.Or, labels)


def read_stored(path: Path) -> sitk.Image:
    """Read an image that belongs to a result, with its own kind of values.

    Returns:
        3D image with one value for each voxel.

    Raises:
        InputError: missing, incomplete, damaged, or another kind of image.
    """
    try:
        image = _read(path, "image")[0]
    except InputError as error:
        raise InputError(_not_stored(path)) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(_not_stored(path))
    return image


def _not_stored(path: Path) -> str:
    return f"{path} is missing or damaged; remove this version and segment again."


@decimal_points()
def write_volume(image: sitk.Image, path: Path, *, compress: bool = True) -> None:
    """Write an image, complete or not at all; the format follows the suffix.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    with replace_when_complete(Path(path)) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=compress)
            complete = _holds(temporary, image)
        except RuntimeError as error:
            raise InputError(_not_written(Path(path))) from error
        if not complete:
            raise InputError(_not_written(Path(path)))


def _holds(path: Path, image: sitk.Image) -> bool:
    """Whether a file that was just written holds an image; the writer of NIfTI does not fail on a full disk."""
    if is_nifti(path):
        try:
            return not nifti_problem(path, look_at_values=False)
        except (OSError, ValueError):
            return False
    values = (
        image.GetNumberOfPixels() * image.GetNumberOfComponentsPerPixel() * image.GetSizeOfPixelComponent()
    )
    if path.stat().st_size >= values:
        return True
    # Compressed: only reading tells.
    return bool(sitk.Hash(sitk.ReadImage(str(path))) == sitk.Hash(image))


def _not_written(path: Path) -> str:
    return (
        f"{path.name} cannot be written to {path.parent}; free some space and check that you may write there."
    )


@decimal_points()
def _read(path: Path, name: str) -> list[sitk.Image]:
    _require_existing(path, name)
    try:
        if path.is_dir():
            return [read_dicom_volume(files, path, name) for files in dicom_volumes(path, name)]
        count_volumes(path, name)
        _require_intact(path, name)
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(_unreadable(path, name, error)) from error
    if "complex" in image.GetPixelIDTypeAsString():
        message = f"The {name} {path} has complex values; export its magnitude."
        raise InputError(message)
    return [image]


def _require_intact(path: Path, name: str) -> None:
    if not is_nifti(path):
        return
    try:
        problem = nifti_problem(path)
    except ValueError as error:
        raise InputError(_unreadable(path, name, error)) from error
    except OSError as error:
        raise InputError(_not_opened(path, name, error)) from error
    if "NaN" in problem:
        raise InputError(_not_finite(name))
    if problem:
        message = f"The {name} {path} {problem}; export it again or restore it from a copy."
        raise InputError(message)


def _require_existing(path: Path, name: str) -> None:
    require_utf8(path, name)
    try:
        there = path.exists()
        regular = path.is_file() or path.is_dir()
    except (OSError, ValueError) as error:
        message = f"The {name} {path} cannot be reached ({error}); check the path."
        raise InputError(message) from error
    if not there:
        message = f"The {name} {path} does not exist; check the path."
        raise InputError(message)
    if not regular:
        message = f"The {name} {path} is neither a file nor a folder; give an image file or a DICOM folder."
        raise InputError(message)


def _require_known_format(path: Path, name: str) -> None:
    # Readers of other formats are many, and some of them are old.
    if not path.name.lower().endswith((*IMAGE_SUFFIXES, *SINGLE_DICOM_SUFFIXES)):
        raise InputError(_unreadable(path, name))


def _require_readable_header(path: Path, name: str) -> None:
    try:
        problem = text_header_problem(path)
        if path.name.lower().endswith(SINGLE_DICOM_SUFFIXES) and not holds_what_it_promises(path):
            problem = "is damaged"
    except OSError as error:
        raise InputError(_not_opened(path, name, error)) from error
    if problem:
        message = f"The {name} {path} {problem}; export it again as one file, NIfTI for instance."
        raise InputError(message)


def _not_opened(path: Path, name: str, error: OSError) -> str:
    return f"The {name} {path} cannot be read ({error.strerror or error}); check that you may read it."


def _unreadable(path: Path, name: str, error: Exception | None = None) -> str:
    reason = str(error).lower()
    if "orthonormal" in reason or "direction cosines" in reason:
        return (
            f"The {name} {path} has axes that are not at right angles (gantry tilt or shear); resample it to a regular"
            " grid."
        )
    if "allocate memory" in reason or "bad_alloc" in reason:
        return f"The {name} {path} is too large for the memory; crop it or close other programs."
    return f"The {name} {path} cannot be read as an image; use NIfTI, NRRD, MetaImage or a DICOM folder."


def _channels(image: sitk.Image, path: Path, name: str) -> list[sitk.Image]:
    size = image.GetSize()
    if image.GetDimension() == 4:
        extract = [
            sitk.Extract(
                image, [*size[:3], 0], [0, 0, 0, t], sitk.ExtractImageFilter.DIRECTIONCOLLAPSETOSUBMATRIX
            )
            for t in range(size[3])
        ]
        return [channel for volume in extract for channel in _channels(volume, path, name)]
    # A volume of one slice is a picture: neighbours above and below are needed for lesions in 3D.
    if image.GetDimension() != 3 or min(size) < 2:
        message = (
            f"The {name} {path} is not a 3D volume, its size is {' x '.join(map(str, size))};"
            " give a volume with several slices."
        )
        raise InputError(message)
    components = image.GetNumberOfComponentsPerPixel()
    if components == 1:
        return [sitk.Cast(image, sitk.sitkFloat32)]
    parts = [sitk.VectorIndexSelectionCast(image, i) for i in range(components)]
    return [sitk.Cast(part, sitk.sitkFloat32) for part in parts]


def _check_values(volume: sitk.Image, name: str) -> None:
    values = sitk.GetArrayViewFromImage(volume)
    if not np.isfinite(values).all():
        raise InputError(_not_finite(name))
    if values.min() == values.max():
        message = (
            f"The {name} is empty, every voxel is {values.flat[0]:g}; check that the right image was chosen."
        )
        raise InputError(message)


def _not_finite(name: str) -> str:
    return f"The {name} has NaN or infinite values; export it again without them."
