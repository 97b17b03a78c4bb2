"""The image files that can be read; other formats have many readers, and some of these are old."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError

IMAGE_SUFFIXES = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd")
SINGLE_DICOM_SUFFIXES = (".dcm", ".ima")


def require_utf8(path: Path, name: str) -> None:
    """Refuse a path that has no text: the image library ends the process at it.

    Raises:
        InputError: a name in the path is not UTF-8.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "replace").decode("utf-8")
        message = f"The name of the {name} {shown} is not UTF-8; rename the file or folder."
        raise InputError(message) from error
