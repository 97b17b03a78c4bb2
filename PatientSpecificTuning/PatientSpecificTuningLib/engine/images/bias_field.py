"""Correction of slow intensity variation across the image."""

from __future__ import annotations

import SimpleITK as sitk

from ..progress import Progress
from .itk_progress import execute

ITERATIONS = (40, 40, 30)


def correct_bias_field(image: sitk.Image, organ_mask: sitk.Image, *, shrink_factor: int = 4) -> sitk.Image:
    """Divide by the bias field that N4 finds inside the organ mask (Tustison et al., IEEE TMI 2010).

    The field is smooth, so it is estimated on an in-plane shrunk image and evaluated on the full grid.

    Args:
        image: float32, negative intensities (from interpolation) count as 0.
        organ_mask: uint8 0/1 on the same grid.

    Returns:
        float32 image on the same grid.
    """
    positive = sitk.Maximum(sitk.Cast(image, sitk.sitkFloat32), 0.0)
    return sitk.Divide(positive, bias_field(positive, organ_mask, shrink_factor=shrink_factor))


def bias_field(
    image: sitk.Image, organ_mask: sitk.Image, *, shrink_factor: int = 4, progress: Progress | None = None
) -> sitk.Image:
    """The multiplicative field, float32 with the geometry of `image`; 1 where nothing varies."""
    factors = [max(1, min(shrink_factor, size // 16)) for size in image.GetSize()[:2]]
    factors.append(1 if image.GetSpacing()[2] > 2 else max(1, min(shrink_factor, image.GetSize()[2] // 16)))
    correction = sitk.N4BiasFieldCorrectionImageFilter()
    correction.SetMaximumNumberOfIterations(ITERATIONS)
    execute(
        correction,
        sitk.Shrink(image, factors),
        sitk.Shrink(organ_mask, factors),
        stage="Correcting the bias field",
        iterations=sum(ITERATIONS),
        progress=progress,
    )
    field = sitk.Exp(correction.GetLogBiasFieldAsImage(image))
    return sitk.Cast(field, sitk.sitkFloat32)
