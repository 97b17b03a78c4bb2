"""Where in the brain false positives lie."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import SimpleITK as sitk
from brain_examinations import MS3SEG
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.images.geometry import resample_labelmap
from PatientSpecificTuningLib.engine.images.geometry import working_grid
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.model.card import ModelCard
from scipy import ndimage

# Every false voxel belongs to the first of these that it lies in.
PLACES = (
    "border of a lesion (2 mm)",
    "called normal by the expert",
    "in a ventricle",
    "round the ventricles (5 mm)",
    "lowest quarter",
    "outer rim (8 mm)",
    "elsewhere",
)
BORDER_MM, AROUND_MM, RIM_MM = 2.0, 5.0, 8.0
Mask = NDArray[np.bool_]


class Judged(Protocol):
    """An examination with its masks, bool (Z, Y, X), and spacing in mm, (x, y, z)."""

    @property
    def name(self) -> str: ...
    @property
    def organ(self) -> Mask: ...
    @property
    def lesions(self) -> Mask: ...
    @property
    def normal(self) -> Mask: ...
    @property
    def spacing(self) -> tuple[float, float, float]: ...


def false_ml(judged: Judged, found: Mask, data: Path) -> dict[str, float]:
    """False positives in ml by place, of an examination of MS3SEG."""
    ventricles = _ventricles(judged.name, data)
    low = np.zeros_like(judged.organ)
    shown = np.flatnonzero(judged.organ.any(axis=(1, 2)))
    low[shown[: len(shown) // 4]] = True
    wheres = (
        _within(judged.lesions, BORDER_MM, judged.spacing),
        judged.normal,
        ventricles,
        _within(ventricles, AROUND_MM, judged.spacing),
        low,
        _within(~judged.organ, RIM_MM, judged.spacing),
        np.ones_like(judged.organ),
    )
    voxel_ml = float(np.prod(judged.spacing)) / 1000
    left = found & ~judged.lesions
    amounts = {}
    for place, where in zip(PLACES, wheres, strict=True):
        amounts[place] = np.count_nonzero(left & where) * voxel_ml
        left = left & ~where
    return amounts


def _within(mask: Mask, mm: float, spacing: tuple[float, float, float]) -> Mask:
    """What lies so near to a mask in its own slice: slices are too thick to say more."""
    near = [
        ndimage.distance_transform_edt(~plane, sampling=spacing[1::-1]) <= mm
        if plane.any()
        else np.zeros_like(plane)
        for plane in mask
    ]
    return np.stack(near)


def _ventricles(name: str, data: Path) -> Mask:
    source = next(source for source in MS3SEG if source.name == name)
    folder = data / source.folder
    grid = working_grid(read_volume(folder / source.flair, f"{name} FLAIR"), ModelCard().spacing_in_plane_mm)
    mask = read_labelmap(folder / "ventricle_mask.nii.gz", f"{name} ventricles")
    return sitk.GetArrayFromImage(resample_labelmap(mask, grid)) > 0
