"""Links inside a folder of somebody else, which would let us read, write or delete elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError


def require_inside(root: Path, paths: Iterable[Path]) -> None:
    """Refuse paths below a folder that lead out of it; `root` itself may be a link, and nothing need exist.

    Raises:
        InputError: a part of a path is a link or junction to a place outside, or a name leads upwards.
    """
    inside = Path(root).resolve()
    for path in paths:
        if not Path(path).resolve().is_relative_to(inside):
            message = (
                f"{path} leads out of the folder {root}, which may come from somebody else; replace the link by what"
                " it leads to, or use another folder."
            )
            raise InputError(message)
