"""How large an image may be, so that no header takes all memory before anyone notices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import InputError

# A thousand slices of 512 x 512; as float32 one gigabyte.
LARGEST_VOLUME = 512 * 512 * 1024
# All volumes of one file or folder together, such as 64 phases of 320 x 260 x 72; as float32 six gigabytes.
LARGEST_SERIES = 6 * LARGEST_VOLUME
MOST_VOLUMES = 1024
# From a microscope's pixel to the length of a person.
SMALLEST_SPACING_MM = 0.01
LARGEST_EXTENT_MM = 2500.0


def require_size(name: str, size: Sequence[int], components: int = 1) -> None:
    """Refuse an image that is larger than any scan, told from its header.

    Args:
        name: what the message calls it.
        size: voxels along x, y, z and further dimensions.
        components: values of each voxel.

    Raises:
        InputError: it is too large.
    """
    volume, volumes = math.prod(size[:3]), math.prod(size[3:]) * components
    if volume <= LARGEST_VOLUME and volume * volumes <= LARGEST_SERIES and volumes <= MOST_VOLUMES:
        return
    shown = " x ".join(map(str, size)) + (f", {components} values each" if components > 1 else "")
    message = (
        f"The {name} is too large ({shown} voxels, up to {LARGEST_VOLUME} are possible in a volume and"
        f" {LARGEST_SERIES} in all); crop it or give it in a coarser resolution."
    )
    raise InputError(message)


def require_extent(name: str, size: Sequence[int], spacing: Sequence[float]) -> None:
    """Refuse an image whose voxels or whose field of view have a size that no scan of a patient has.

    Raises:
        InputError: a voxel is too small or the field of view too large.
    """
    for n, step in zip(size, spacing, strict=True):
        if step < SMALLEST_SPACING_MM or n * step > LARGEST_EXTENT_MM:
            message = (
                f"The {name} has {n} voxels of {step:g} mm along one axis, which no scan of a patient has; check its"
                " spacing and export it again."
            )
            raise InputError(message)
