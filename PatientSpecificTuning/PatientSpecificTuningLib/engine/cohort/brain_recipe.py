"""Phantom brain patients of a cohort: each with its own anatomy, lesion load and appearance."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images.volumes import write_volume
from ..phantoms.brain.lesion_synthesis import LesionAppearance
from ..phantoms.brain.phantom import BrainAppearance
from ..phantoms.brain.phantom import PhantomPatient
from ..phantoms.brain.phantom import make_brain_patient
from .brain_anatomy import shipped_anatomy

FIRST_SEED = 7000
# About the ventricles, where most lesions lie.
QUICK_SLICES = (20, 32)


def brain_patient(number: int, *, examinations: int = 2) -> tuple[PhantomPatient, dict[str, Any]]:
    """The phantom patient of a number, with seed, numbers of lesions and appearance as JSON values."""
    seed = FIRST_SEED + number
    rng = np.random.default_rng([seed, 1])
    lesions, confluent = int(rng.integers(25, 111)), int(rng.integers(1, 9))
    appearance = BrainAppearance(
        lesions=LesionAppearance.random(rng),
        dirty_white_matter=float(rng.uniform(0.02, 0.25)),
        caps=float(rng.uniform(0.02, 0.25)),
        noise=float(rng.uniform(0.045, 0.09)),
    )
    patient = make_brain_patient(
        shipped_anatomy(),
        seed,
        appearance=appearance,
        lesion_count=lesions,
        confluent_count=confluent,
        examinations=examinations,
    )
    description = {
        "seed": seed,
        "scattered_lesions": lesions,
        "confluent_lesions": confluent,
        "appearance": asdict(appearance),
    }
    return patient, description


def write_brain_patient(folder: Path, number: int, quick: bool) -> dict[str, Any]:
    """Write FLAIR, T1, brain mask and lesions of both examinations; `quick` keeps twelve slices.

    Returns:
        seed, numbers of lesions and appearance.
    """
    patient, description = brain_patient(number)
    for name, examination in (("baseline", patient.baseline), ("followup", patient.followup)):
        for role, image in (
            ("FLAIR", examination.flair),
            ("T1", examination.t1),
            ("brain_mask", examination.brain_mask),
            ("lesions", examination.lesions),
        ):
            write_volume(_slab(image) if quick else image, folder / f"{name}_{role}.nii.gz")
    return description


def _slab(image: sitk.Image) -> sitk.Image:
    first, last = QUICK_SLICES
    x, y, _z = image.GetSize()
    return sitk.RegionOfInterest(image, (x, y, last - first), (0, 0, first))
