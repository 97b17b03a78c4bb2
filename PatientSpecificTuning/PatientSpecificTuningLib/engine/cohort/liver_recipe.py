"""Phantom liver patients of a cohort: each with its own anatomy, metastases, mimics and contrast bolus."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..images.volumes import write_volume
from ..phantoms.liver.phantom import make_liver_patient
from ..phantoms.liver.phantom import standard_grid

# The shipped model learned from seeds from 1000 on; its own figures are of seeds 1 to 10.
FIRST_SEED = 100
QUICK_SIZE, QUICK_SPACING_MM = (144, 108, 14), (2.0, 2.0, 9.0)


def write_liver_patient(folder: Path, number: int, quick: bool) -> dict[str, Any]:
    """Write DCE, DWI, liver mask and metastases of both examinations; `quick` on a coarse grid.

    Returns:
        seed and appearance.
    """
    seed = FIRST_SEED + number
    grid = standard_grid(QUICK_SIZE, QUICK_SPACING_MM) if quick else None
    patient = make_liver_patient(seed, grid=grid)
    for name, examination in (("baseline", patient.baseline), ("followup", patient.followup)):
        write_volume(sitk.JoinSeries(examination.dce), folder / f"{name}_DCE.nii.gz")
        write_volume(sitk.JoinSeries(examination.dwi), folder / f"{name}_DWI.nii.gz")
        write_volume(examination.liver_mask, folder / f"{name}_liver_mask.nii.gz")
        write_volume(examination.lesions, folder / f"{name}_lesions.nii.gz")
    return {"seed": seed, "appearance": asdict(patient.appearance)}
