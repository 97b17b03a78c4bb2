"""The content of files as SHA-256, so that a case knows which images it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError


@dataclass(frozen=True)
class ContentHash:
    """One or several files (a DICOM folder is all its files) and the SHA-256 of their content together."""

    files: list[str]
    sha256: str


def content_hash(paths: Iterable[Path], name: str) -> ContentHash:
    """Hash the content of files and folders in the given order; folders by the sorted names of their files.

    Args:
        paths: files or folders.
        name: what they are, for the message.

    Raises:
        InputError: a path does not exist or cannot be read.
    """
    paths = [Path(path) for path in paths]
    digest = hashlib.sha256()
    try:
        for path in paths:
            if not path.exists():
                message = f"The {name} {path} does not exist; check the path."
                raise InputError(message)
            if not path.is_file() and not path.is_dir():
                # A pipe would be waited for.
                message = (
                    f"The {name} {path} is neither a file nor a folder; give an image file or a DICOM folder."
                )
                raise InputError(message)
            for file in sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]:
                with open(file, "rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        message = f"The {name} {error.filename} cannot be read; check that you may read it."
        raise InputError(message) from error
    return ContentHash([str(path) for path in paths], digest.hexdigest())
