"""Lesions put into a prepared examination: their volume, their contrast and where they go."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.phantoms.injection import fill_ellipsoid
from PatientSpecificTuningLib.engine.phantoms.injection import inject
from PatientSpecificTuningLib.engine.phantoms.injection import lesion_contrast
from PatientSpecificTuningLib.engine.phantoms.injection import random_radii

SAMPLING = (3.0, 1.0, 1.0)


@pytest.mark.parametrize("volume", [30.0, 100.0, 500.0])
def test_an_ellipsoid_fills_the_volume_that_is_asked_for(volume: float) -> None:
    rng = np.random.default_rng(1)
    occupancy = fill_ellipsoid(
        (20, 40, 40), np.array([10.2, 20.4, 19.7]), random_radii(volume, rng), SAMPLING
    )
    assert occupancy.sum() * 3.0 == pytest.approx(volume, rel=0.05)
    assert 0 <= occupancy.min() <= occupancy.max() <= 1


def test_an_ellipsoid_at_the_border_stays_inside_the_image() -> None:
    occupancy = fill_ellipsoid((4, 8, 8), np.array([0.0, 7.0, 0.0]), np.array([5.0, 5.0, 5.0]), SAMPLING)
    assert occupancy.shape == (4, 8, 8)
    assert occupancy[0, 7, 0] == 1


def test_the_contrast_of_lesions_is_their_difference_from_the_tissue_around_them() -> None:
    images = np.zeros((2, 3, 40, 40), dtype=np.float32)
    lesions = np.zeros((3, 40, 40), dtype=bool)
    lesions[1, 15:25, 15:25] = True
    images[0] = 1.0
    images[0][lesions], images[1][lesions] = 2.5, -0.5
    organ = np.ones_like(lesions)
    assert lesion_contrast(images, lesions, organ) == pytest.approx([1.5, -0.5])
    assert lesion_contrast(images, np.zeros_like(lesions), organ) is None


def test_injected_lesions_have_the_contrast_and_leave_everything_else_as_it_is() -> None:
    images = np.ones((2, 5, 30, 30), dtype=np.float32)
    organ = np.ones((5, 30, 30), dtype=bool)
    organ[:, :, :12] = False
    occupancy = fill_ellipsoid((5, 30, 30), np.array([2.0, 15.0, 15.0]), np.array([6.0, 5.0, 5.0]), SAMPLING)
    changed = inject(images, occupancy, np.array([2.0, -0.5]), organ)
    assert changed[:, 2, 15, 15] == pytest.approx([3.0, 0.5], abs=0.01)
    assert (changed[:, :, :, :12] == 1).all()
    assert changed[0, 2, 2, 25] == pytest.approx(1.0)
    assert changed.dtype == np.float32
