"""Arrays in .npy files: written complete, opened only as what they must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .atomic import replace_when_complete


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array, complete or not at all.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    plain = np.ascontiguousarray(array)
    with replace_when_complete(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(plain))
        # Unlike numpy's own writing, this says which error of the disk it was.
        file.write(plain.reshape(-1).view(np.uint8).data)


def open_array(path: Path, *, dtypes: tuple[type, ...], dimensions: int) -> NDArray[Any]:
    """Open an array for reading, memory-mapped.

    Raises:
        OSError: it is missing or may not be read.
        ValueError: it is damaged or incomplete, or of another type or number of dimensions.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except OSError:
        raise
    except Exception as error:
        # Its header is Python text, which can be damaged in as many ways as Python has errors.
        raise ValueError(str(error)) from error
    if not isinstance(array, np.ndarray) or array.dtype not in dtypes or array.ndim != dimensions:
        message = "of another type than expected"
        raise ValueError(message)
    return array
