"""Metrics as the WMH challenge defines them, and None where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.metrics import detection_metrics
from PatientSpecificTuningLib.engine.metrics import hausdorff_95
from PatientSpecificTuningLib.engine.metrics import segmentation_metrics
from scipy import ndimage

SPACING = (1.0, 1.0, 3.0)
SHAPE = (3, 7, 8)
masks = arrays(bool, SHAPE, elements=st.booleans())


def _mask(*voxels: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


EMPTY = _mask()
ONE = _mask((1, 3, 3))


@pytest.mark.parametrize(
    ("reference", "prediction", "expected"),
    [
        (EMPTY, EMPTY, {"dice": None, "avd": None, "hd95": None, "recall": None, "f1": None}),
        (EMPTY, ONE, {"dice": 0, "avd": None, "hd95": None, "recall": None, "f1": 0}),
        (ONE, EMPTY, {"dice": 0, "avd": 100, "hd95": None, "recall": 0, "f1": 0}),
        (ONE, ONE, {"dice": 1, "avd": 0, "hd95": 0, "recall": 1, "f1": 1}),
    ],
)
def test_undefined_metrics_are_none(reference, prediction, expected) -> None:
    assert segmentation_metrics(reference, prediction, SPACING).as_dict() == expected


@given(masks, masks)
@settings(deadline=None)
def test_metrics_stay_in_their_range_and_dice_is_symmetric(first, second) -> None:
    metrics = segmentation_metrics(first, second, SPACING)
    for value in (metrics.dice, metrics.recall, metrics.f1):
        assert value is None or 0 <= value <= 1
    assert metrics.avd is None or metrics.avd >= 0
    turned = segmentation_metrics(second, first, SPACING)
    assert metrics.dice == turned.dice
    assert metrics.hd95 == turned.hd95
    assert metrics.f1 == pytest.approx(turned.f1)


@given(masks.filter(np.any))
@settings(deadline=None)
def test_a_mask_agrees_with_itself(mask) -> None:
    metrics = segmentation_metrics(mask, mask, SPACING)
    assert (metrics.dice, metrics.avd, metrics.recall, metrics.f1) == (1, 0, 1, 1)
    assert metrics.hd95 in (0, None)


@given(masks, masks)
@settings(deadline=None)
def test_found_and_missed_lesions_are_all_lesions(reference, prediction) -> None:
    metrics = detection_metrics(reference, prediction)
    lesions = ndimage.label(reference, np.ones((3, 3, 3)))[1]
    objects = ndimage.label(prediction, np.ones((3, 3, 3)))[1]
    assert metrics.found + metrics.missed == lesions
    assert 0 <= metrics.false_positives <= objects


def test_lesions_that_touch_at_a_corner_are_one() -> None:
    metrics = detection_metrics(_mask((0, 1, 1), (1, 2, 2)), _mask((1, 2, 2)))
    assert (metrics.found, metrics.missed) == (1, 0)


def test_one_object_over_two_lesions_finds_both() -> None:
    reference = _mask((1, 3, 1), (1, 3, 5))
    prediction = np.zeros(SHAPE, dtype=bool)
    prediction[1, 3, 1:6] = True
    metrics = detection_metrics(reference, prediction)
    assert (metrics.tpr, metrics.false_positives, metrics.f1) == (1, 0, 1)


def test_f1_weighs_missed_lesions_and_false_objects() -> None:
    metrics = detection_metrics(_mask((1, 1, 1), (1, 5, 1)), _mask((1, 1, 1), (1, 1, 5), (1, 5, 5)))
    assert metrics.tpr == 0.5
    assert metrics.false_positives == 2
    assert metrics.f1 == pytest.approx(2 * 0.5 * (1 / 3) / (0.5 + 1 / 3))


def test_hausdorff_is_in_millimetres_along_every_axis() -> None:
    assert hausdorff_95(_mask((0, 3, 3)), _mask((2, 3, 3)), SPACING) == pytest.approx(6)
    assert hausdorff_95(_mask((1, 3, 2)), _mask((1, 3, 6)), SPACING) == pytest.approx(4)


def test_only_the_judged_slices_count() -> None:
    reference, prediction = _mask((0, 3, 3), (2, 3, 3)), _mask((0, 3, 3), (1, 3, 3))
    assert segmentation_metrics(reference, prediction, SPACING, slices=[0]).dice == 1
    assert segmentation_metrics(reference, prediction, SPACING, slices=[1, 2]).dice == 0


def test_dice_and_volume_difference_of_a_known_case() -> None:
    reference, prediction = np.zeros((2, SHAPE[0], 7, 8), dtype=bool)
    reference[1, 1:5, 1:5] = True
    prediction[1, 1:5, 3:8] = True
    metrics = segmentation_metrics(reference, prediction, SPACING)
    assert metrics.dice == pytest.approx(2 * 8 / 36)
    assert metrics.avd == pytest.approx(25)
