"""What phantoms cannot show: real brains, real scanners, real misalignment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.geometry import resample_labelmap
from PatientSpecificTuningLib.engine.images.organ_mask import estimate_brain_mask
from PatientSpecificTuningLib.engine.images.registration import align
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from real_data import data_folder

LONGITUDINAL = "open_ms_longitudinal"
EDGES_OF_THE_BRAIN = 60.0


@pytest.mark.parametrize("patient", ["patient03", "patient12", "patient20"])
def test_an_estimated_brain_mask_agrees_with_the_given_one(patient: str) -> None:
    folder = data_folder(LONGITUDINAL, patient)
    flair = next(folder.glob("*_FLAIR.nii.gz"))
    given = read_labelmap(folder / "brain_mask.nii.gz", "brain mask")
    found = estimate_brain_mask(read_volume(flair, "FLAIR"))
    first, second = (sitk.GetArrayFromImage(mask) > 0 for mask in (given, found))
    assert 2 * (first & second).sum() / (first.sum() + second.sum()) > 0.88


@pytest.mark.parametrize("study", ["study1", "study2"])
def test_an_oblique_t1_finds_its_flair_as_the_published_registration_does(study: str) -> None:
    folder = data_folder(LONGITUDINAL, "raw", "patient12")
    flair = read_volume(folder / f"{study}_FLAIR.nii.gz", "FLAIR")
    t1 = read_volume(folder / f"{study}_T1W.nii.gz", "T1")
    published = _affine(folder / f"{study}_T1W_intrastudy_to_FLAIR.txt")
    mask = resample_labelmap(estimate_brain_mask(flair), Grid.of(flair))
    found = align(t1, flair, fixed_mask=mask)
    centre = np.array(flair.TransformContinuousIndexToPhysicalPoint([n / 2 for n in flair.GetSize()]))
    offsets = EDGES_OF_THE_BRAIN * np.vstack([np.eye(3), -np.eye(3)])
    distances = [
        np.linalg.norm(np.subtract(found.TransformPoint(point), published.TransformPoint(point)))
        for point in (centre + offsets).tolist()
    ]
    assert np.mean(distances) < 1.5


def _affine(path: Path) -> sitk.AffineTransform:
    """The type that these files name is not known to every build, so the numbers are read."""
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    transform = sitk.AffineTransform(3)
    transform.SetFixedParameters([float(value) for value in lines["FixedParameters"].split()])
    transform.SetParameters([float(value) for value in lines["Parameters"].split()])
    return transform
