"""The packages that write DICOM objects, which are not needed for anything else."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import InputError

# Without their dependencies, so that numpy and SimpleITK stay as they are.
PACKAGES = ("highdicom", "pydicom", "pyjpegls", "pillow", "packaging")
_MODULES = {"pyjpegls": "jpeg_ls", "pillow": "PIL"}


def require_highdicom() -> None:
    """Make sure that DICOM can be written before any work starts.

    Raises:
        InputError: a package is not installed.
    """
    missing = [name for name in PACKAGES if find_spec(_MODULES.get(name, name)) is None]
    if missing:
        message = (
            f"Writing DICOM needs the package {' and '.join(missing)}, which is not installed; install it with:"
            f" python -m pip install --no-deps {' '.join(missing)}"
        )
        raise InputError(message)
