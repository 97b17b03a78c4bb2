"""A slice on which the CNN is made to mark more or less is what thresholding all of the scan elsewhere gives there."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.lesions.shifted_slice import shifted_slice
from PatientSpecificTuningLib.engine.model.card import PostProcessing
from scipy import ndimage

SHAPE = (9, 30, 32)


def scan(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5)
    probability = 1 / (1 + np.exp(-30 * smooth))
    organ = np.zeros(SHAPE, dtype=bool)
    organ[1:, 3:28, 2:30] = True
    return probability, organ


@pytest.mark.parametrize("processing", [PostProcessing(), PostProcessing(closing=(1, 3, 3), opening=True)])
@pytest.mark.parametrize("position", [0, 1, 4, 8])
def test_without_a_shift_a_slice_is_that_of_the_whole_scan(processing, position):
    probability, organ = scan(1)
    whole = binarize(probability, organ, processing)
    found = shifted_slice(probability, organ, processing, position, 0.0)
    np.testing.assert_array_equal(found, whole[position])


def test_a_shift_of_the_logit_is_another_threshold():
    probability, organ = scan(2)
    moved = 1 / (1 + (1 / probability - 1) * np.exp(-1.5))
    found = shifted_slice(probability, organ, PostProcessing(), 4, 1.5)
    np.testing.assert_array_equal(found, binarize(moved, organ, PostProcessing())[4])


def test_more_is_marked_the_higher_the_shift_and_nothing_outside_the_organ():
    probability, organ = scan(3)
    areas = [shifted_slice(probability, organ, PostProcessing(), 4, shift).sum() for shift in (-4, -1, 0, 2)]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]
    assert not (shifted_slice(probability, organ, PostProcessing(), 4, 4.0) & ~organ[4]).any()
