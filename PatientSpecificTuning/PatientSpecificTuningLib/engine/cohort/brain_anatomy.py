"""The brain anatomy that ships for phantom cohorts."""

from __future__ import annotations

from functools import cache

import numpy as np
import SimpleITK as sitk

from ..files.resources import RESOURCES
from ..phantoms.brain.phantom import Anatomy

ANATOMY = RESOURCES / "Anatomy" / "brain_tissues.nrrd"
# The value of the file that stands for 1, so that steps stay below noise and the file small.
LEVELS = 60


@cache
def shipped_anatomy() -> Anatomy:
    """Tissue maps of the ICBM 152 template on a 1 mm grid; made by Testing/make_brain_anatomy.py."""
    image = sitk.Cast(sitk.ReadImage(str(ANATOMY)), sitk.sitkVectorFloat32)
    size = [round(n * s) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    fine = sitk.Resample(image, size, sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), (1.0,) * 3)
    t1, white, grey = np.moveaxis(sitk.GetArrayFromImage(fine) / LEVELS, -1, 0).astype(np.float32)
    # Interpolation leaves a faint rim that is no tissue.
    inside = t1 > 2 / LEVELS
    return Anatomy(t1 * inside, white * inside, grey * inside)
