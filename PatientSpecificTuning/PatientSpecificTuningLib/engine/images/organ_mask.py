"""A brain mask where the user has none: usable for the method, not for volumetry of the brain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .deepbet_mask import PACKAGE
from .deepbet_mask import deepbet_brain_mask
from .geometry import Grid
from .geometry import resample
from .geometry import resample_labelmap

_SPACING_MM = 2.0
LARGEST_BRAIN_ML = 2300
SMALLEST_BRAIN_ML = 500


@dataclass(frozen=True)
class BrainEstimate:
    """An estimated brain mask.

    Attributes:
        mask: uint8 0/1 on the grid of the image.
        package: what found it, where it was not this file.
    """

    mask: sitk.Image
    package: str | None = None


def estimate_brain_mask(image: sitk.Image, *, name: str = "image") -> sitk.Image:
    """The mask alone of `estimate_brain`; same arguments and errors."""
    return estimate_brain(image, name=name).mask


def estimate_brain(image: sitk.Image, *, name: str = "image") -> BrainEstimate:
    """Estimate the brain from a FLAIR or T1 image, skull-stripped or of the whole head.

    In a skull-stripped image the brain is where there is signal. In a whole head deepbet finds it where that package
    is installed. Otherwise it is the piece that remains when everything thinner than some millimetres (scalp,
    meninges, nerves) has been eroded away; the erosion grows until a piece of a brain's size is left, and is then
    undone.

    Raises:
        InputError: nothing of a brain's size is found.
    """
    coarse = resample(sitk.Cast(image, sitk.sitkFloat32), _isotropic(Grid.of(image)))
    signal = _largest(coarse > _background(coarse))
    signal = _filled(sitk.BinaryMorphologicalClosing(signal, _radius(4)))
    whole_head = _volume_ml(signal) >= LARGEST_BRAIN_ML
    learned = deepbet_brain_mask(image) if whole_head else None
    if learned is not None and SMALLEST_BRAIN_ML <= _volume_ml(learned) < LARGEST_BRAIN_ML:
        return BrainEstimate(learned, PACKAGE)
    brain = _brain_in_head(coarse, signal) if whole_head else signal
    if brain is None or _volume_ml(brain) < SMALLEST_BRAIN_ML:
        message = f"No brain was found in the {name}; give a brain mask."
        raise InputError(message)
    return BrainEstimate(resample_labelmap(brain, Grid.of(image)))


def _brain_in_head(coarse: sitk.Image, head: sitk.Image) -> sitk.Image | None:
    inside = sitk.GetArrayFromImage(coarse)[sitk.GetArrayFromImage(head) > 0]
    # Brain tissue fills most of the upper head; bone and fluid lie below half of its median, fat far above.
    typical = np.median(inside[inside > np.percentile(inside, 30)])
    tissue = sitk.And(head, sitk.And(coarse > 0.55 * typical, coarse < 2.2 * typical))
    for millimetres in (3, 4, 5, 6, 8, 10, 12):
        core = _central(sitk.BinaryErode(tissue, _radius(millimetres)))
        if core is None:
            return None
        grown = sitk.And(sitk.BinaryDilate(core, _radius(millimetres + 1)), tissue)
        brain = _filled(sitk.BinaryMorphologicalClosing(_largest(grown), _radius(8)))
        if _volume_ml(brain) < 1800:
            return sitk.And(brain, head)
    return None


def _central(mask: sitk.Image) -> sitk.Image | None:
    """The connected piece with most voxels."""
    if not sitk.GetArrayViewFromImage(mask).any():
        return None
    return _largest(mask)


def _isotropic(grid: Grid) -> Grid:
    size = [max(1, round(n * s / _SPACING_MM)) for n, s in zip(grid.size, grid.spacing, strict=True)]
    return Grid(tuple(size), (_SPACING_MM,) * 3, grid.origin, grid.direction)


def _background(image: sitk.Image) -> float:
    values = sitk.GetArrayViewFromImage(image)
    lowest = float(np.percentile(values, 1))
    typical = float(np.percentile(values, 98))
    return lowest + 0.08 * (typical - lowest)


def _largest(mask: sitk.Image) -> sitk.Image:
    return sitk.RelabelComponent(sitk.ConnectedComponent(mask), sortByObjectSize=True) == 1


def _filled(mask: sitk.Image) -> sitk.Image:
    return sitk.BinaryFillhole(mask)


def _radius(millimetres: float) -> list[int]:
    return [max(1, round(millimetres / _SPACING_MM))] * 3


def _volume_ml(mask: sitk.Image) -> float:
    return float(sitk.GetArrayViewFromImage(mask).sum()) * Grid.of(mask).voxel_volume_mm3 / 1000
