"""A look at the raw values of a NIfTI file, which its usual reader silently changes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

_FLOATING = {16: "f4", 64: "f8"}


def has_non_finite_values(path: Path) -> bool:
    """Whether a NIfTI-1 file holds NaN or infinite values; the NIfTI library reads them as 0.

    Files of another format, of integers, or damaged ones answer False: their reader tells what is wrong.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return False
    try:
        content = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            content = gzip.decompress(content)
        order = "<" if struct.unpack_from("<i", content)[0] == 348 else ">"
        kind = _FLOATING.get(struct.unpack_from(f"{order}h", content, 70)[0])
        start = int(struct.unpack_from(f"{order}f", content, 108)[0])
    except (OSError, EOFError, zlib.error, struct.error):
        return False
    if kind is None or start < 348:
        return False
    whole = (len(content) - start) // int(kind[1]) * int(kind[1])
    return not bool(np.isfinite(np.frombuffer(content, f"{order}{kind}", whole // int(kind[1]), start)).all())
