"""Phantom patients have lesions where their labels are, the same between examinations but for what changed."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.phantoms.brain.lesions import occupancy
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import Anatomy
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import PhantomPatient
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import find_ventricles
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import in_slices
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import make_brain_patient
from scipy import ndimage


def _anatomy() -> Anatomy:
    """A small round brain: fluid in the middle, white matter around it, a shell of grey matter."""
    shape = (54, 66, 60)
    z, y, x = np.indices(shape)
    radius = np.sqrt(((z - 27) / 25) ** 2 + ((y - 33) / 31) ** 2 + ((x - 30) / 28) ** 2)
    white = ((radius < 0.85) & (radius > 0.25)).astype(np.float32)
    grey = ((radius >= 0.85) & (radius < 1)).astype(np.float32)
    smooth = [ndimage.gaussian_filter(tissue, 0.7) for tissue in (white, grey)]
    t1 = (100 * smooth[0] + 70 * smooth[1] + 25 * (radius < 0.25)) * (radius < 1)
    return Anatomy(t1.astype(np.float32), *smooth)


@pytest.fixture(scope="module")
def patient() -> PhantomPatient:
    return make_brain_patient(_anatomy(), seed=3, lesion_count=25, confluent_count=3)


def _arrays(patient: PhantomPatient) -> list[tuple[np.ndarray, ...]]:
    return [
        tuple(sitk.GetArrayFromImage(image) for image in (e.flair, e.t1, e.brain_mask, e.lesions))
        for e in (patient.baseline, patient.followup)
    ]


def test_the_same_seed_gives_the_same_voxels_and_another_seed_others(patient: PhantomPatient) -> None:
    again = make_brain_patient(_anatomy(), seed=3, lesion_count=25, confluent_count=3)
    other = make_brain_patient(_anatomy(), seed=4, lesion_count=25, confluent_count=3)
    for first, second in zip(_arrays(patient), _arrays(again), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(_arrays(patient)[0][0], _arrays(other)[0][0])


def test_lesions_are_bright_in_flair_and_dark_in_t1(patient: PhantomPatient) -> None:
    for flair, t1, brain, lesions in _arrays(patient):
        near = ndimage.binary_dilation(lesions, iterations=2) & ~lesions.astype(bool) & brain.astype(bool)
        assert flair[lesions > 0].mean() > 1.15 * flair[near].mean()
        assert t1[lesions > 0].mean() < t1[near].mean() * 1.05


def test_lesions_lie_inside_the_brain_and_nothing_outside_has_signal(patient: PhantomPatient) -> None:
    for flair, t1, brain, lesions in _arrays(patient):
        assert lesions.any()
        assert not lesions[brain == 0].any()
        assert not flair[brain == 0].any()
        assert not t1[brain == 0].any()


def test_lesions_keep_their_place_and_shape_and_change_their_size_by_their_fate(
    patient: PhantomPatient,
) -> None:
    before, after = patient.baseline_lesions, patient.followup_lesions
    assert len(after) > len(before)
    for early, late in zip(before, after, strict=False):
        assert (late.centre, late.shape_seed) == (early.centre, early.shape_seed)
        grows = late.radius_mm - early.radius_mm
        expected = {"stable": abs(grows) < 0.13, "grown": grows > 0.2, "shrunk": grows < -0.2}
        assert expected.get(late.fate, late.radius_mm <= 0)
    assert {lesion.fate for lesion in after[len(before) :]} == {"new"}


def test_the_examinations_differ_in_pose_and_noise(patient: PhantomPatient) -> None:
    (first, *_), (second, *_) = _arrays(patient)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.99


def test_ventricles_are_the_fluid_in_the_middle() -> None:
    anatomy = _anatomy()
    ventricles = find_ventricles(anatomy)
    assert ventricles[27, 33, 30]
    assert ventricles.sum() < 0.05 * (anatomy.t1 > 0).sum()


def test_further_examinations_leave_the_first_two_as_they_are(patient: PhantomPatient) -> None:
    longer = make_brain_patient(_anatomy(), seed=3, lesion_count=25, confluent_count=3, examinations=3)
    for first, second in zip(_arrays(patient), _arrays(longer), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert len(longer.examinations) == len(longer.lesions) == 3
    assert len(longer.lesions[2]) == len(longer.lesions[1]) + 4


def test_the_pose_brings_lesions_of_the_anatomy_to_where_the_examination_shows_them(
    patient: PhantomPatient,
) -> None:
    for examination, lesions in zip(patient.examinations, patient.lesions, strict=True):
        part = in_slices(occupancy(lesions, patient.white_matter), examination.pose)
        shown = sitk.GetArrayFromImage(examination.lesions) > 0
        overlap = 2 * (shown & (part >= 0.5)).sum() / (shown.sum() + (part >= 0.5).sum())
        assert overlap > 0.9
