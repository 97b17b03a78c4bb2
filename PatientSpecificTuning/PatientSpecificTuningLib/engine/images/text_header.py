"""A look at the text header of a NRRD or MetaImage file itself: their usual readers end the process at some lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

_LARGEST_HEADER = 1 << 20
# The readers print a line that they do not understand into a thousand characters, and names into 255.
_LONGEST_FIELD, _LONGEST_TEXT = 600, 250
_MOST_DIMENSIONS = 5

_NRRD_FIELDS = {
    "axis maxs", "axis mins", "axismaxs", "axismins", "block size", "blocksize", "byte skip", "byteskip", "centerings",
    "centers", "content", "data file", "datafile", "dimension", "encoding", "endian", "kinds", "labels", "line skip",
    "lineskip", "max", "measurement frame", "min", "number", "old max", "old min", "oldmax", "oldmin", "sample units",
    "sampleunits", "sizes", "space", "space dimension", "space directions", "space origin", "space units", "spacings",
    "thicknesses", "type", "units",
}  # fmt: skip
_META_NUMBERS = {
    "centerofrotation", "color", "compresseddatasize", "compressionlevel", "dimsize", "elementmax", "elementmin",
    "elementnumberofchannels", "elementsize", "elementspacing", "headersize", "id", "imageposition", "ndims", "offset",
    "orientation", "origin", "parentid", "position", "rotation", "sequenceid", "transformmatrix",
}  # fmt: skip


def has_text_header(path: Path) -> bool:
    """Whether a file is NRRD or MetaImage by its name."""
    return _check_for(path) is not None


def text_header_problem(path: Path) -> str:
    """What makes the header of a NRRD or MetaImage file unfit for its reader; empty where nothing does.

    Raises:
        OSError: it cannot be read.
    """
    check = _check_for(path)
    if check is None:
        return ""
    try:
        return check(path)
    except (ValueError, OverflowError) as error:
        return f"has a damaged header ({error})"


def _check_for(path: Path) -> Callable[[Path], str] | None:
    name = path.name.lower()
    if name.endswith((".nrrd", ".nhdr")):
        return _nrrd_problem
    return _meta_problem if name.endswith((".mha", ".mhd")) else None


def _nrrd_problem(path: Path) -> str:
    lines = _lines(path)
    if not next(lines, "").startswith("NRRD000"):
        return "has a damaged header (no NRRD)"
    for line in lines:
        if not line:
            break
        if line.startswith("#") or ":=" in line:
            continue
        field, separator, value = line.partition(": ")
        name = field.strip().lower()
        if not separator or name not in _NRRD_FIELDS or len(line) > _LONGEST_FIELD:
            return f"has a damaged header ({_shown(line)})"
        if name == "dimension":
            _require_dimensions(value)
        if name in ("data file", "datafile") and _names_several(value):
            return "is spread over several files"
    return ""


def _meta_problem(path: Path) -> str:
    for line in _lines(path):
        key, separator, value = (part.strip() for part in line.partition("="))
        if not separator:
            return f"has a damaged header ({_shown(line)})"
        name = key.lower()
        if name in _META_NUMBERS:
            if len(value) > _LONGEST_FIELD or any(math.isnan(float(number)) for number in value.split()):
                return f"has a damaged header ({_shown(line)})"
        elif len(key) > _LONGEST_TEXT or len(value) > _LONGEST_TEXT:
            return f"has a damaged header ({_shown(line)})"
        if name == "ndims":
            _require_dimensions(value)
        if name == "elementdatafile":
            return "is spread over several files" if _names_several(value) else ""
    return "has a damaged header (no ElementDataFile)"


def _lines(path: Path) -> Iterator[str]:
    """The lines of the header; what follows it is not looked at."""
    left = _LARGEST_HEADER
    with open(path, "rb") as stream:
        while left > 0 and (line := stream.readline(left)):
            left -= len(line)
            if b"\0" in line:
                message = "a character that no text has"
                raise ValueError(message)
            yield line.decode("utf-8", "replace").rstrip("\r\n")
    if left <= 0:
        message = f"longer than {_LARGEST_HEADER} bytes"
        raise ValueError(message)


def _require_dimensions(value: str) -> None:
    if not 1 <= int(value) <= _MOST_DIMENSIONS:
        message = f"{value.strip()[:20]} dimensions"
        raise ValueError(message)


def _names_several(value: str) -> bool:
    # A pattern such as %03d is filled in by the reader as it stands, whatever else it asks for.
    return "%" in value or value.split()[:1] == ["LIST"]


def _shown(line: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in line[:40])
