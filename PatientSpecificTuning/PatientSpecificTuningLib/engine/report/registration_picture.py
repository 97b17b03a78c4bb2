"""A picture to judge the registration by: a checkerboard of both examinations in three slices."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from .both_examinations import BothExaminations
from .tiles import as_png
from .tiles import draw_tile
from .tiles import whole_slice

FIELDS = 8
# Where the slices lie between the first and the last that show the organ.
SHOWN = (0.3, 0.5, 0.7)


def draw_checkerboard(both: BothExaminations) -> bytes:
    """PNG of three slices whose fields show the follow-up and the registered baseline in turn.

    Edges run on from field to field where the registration is right.
    """
    with_organ = np.flatnonzero(both.organ.any(axis=(1, 2)))
    tiles = []
    for part in SHOWN:
        z = int(with_organ[round(part * (with_organ.size - 1))]) if with_organ.size else 0
        extent = whole_slice(both, z)
        fields = (
            sitk.GetImageFromArray(draw_tile(image, None, both.organ, z, extent), isVector=True)
            for image in (both.followup, both.baseline)
        )
        tiles.append(sitk.GetArrayFromImage(sitk.CheckerBoard(*fields, (FIELDS, FIELDS))))
    return as_png(tiles)
