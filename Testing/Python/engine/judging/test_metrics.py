"""Metrics as the WMH challenge defines them, and None where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.judging.metrics import detection_metrics
from PatientSpecificTuningLib.engine.judging.metrics import hausdorff_95
from PatientSpecificTuningLib.engine.judging.metrics import metric_names
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.judging.metrics import summarize
from PatientSpecificTuningLib.engine.judging.metrics import task_metrics
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
def test_detection_counts_add_up(reference, prediction) -> None:
    metrics = detection_metrics(reference, prediction, SPACING)
    lesions = ndimage.label(reference, np.ones((3, 3, 3)))[1]
    objects = ndimage.label(prediction, np.ones((3, 3, 3)))[1]
    assert 0 <= metrics.fpc <= objects
    assert (metrics.tpr is None) == (lesions == 0)
    found = (metrics.tpr or 0) * lesions
    assert found == pytest.approx(round(found))
    assert metrics.dice == segmentation_metrics(reference, prediction, SPACING).dice


@pytest.mark.parametrize(
    ("reference", "prediction", "expected"),
    [
        (EMPTY, EMPTY, {"tpr": None, "fpc": 0, "f1": None, "dice": None}),
        (EMPTY, ONE, {"tpr": None, "fpc": 1, "f1": 0, "dice": 0}),
        (ONE, EMPTY, {"tpr": 0, "fpc": 0, "f1": 0, "dice": 0}),
        (ONE, ONE, {"tpr": 1, "fpc": 0, "f1": 1, "dice": 1}),
    ],
)
def test_undefined_detection_metrics_are_none(reference, prediction, expected) -> None:
    values = detection_metrics(reference, prediction, SPACING).as_dict()
    small = values.pop("tpr_small")
    assert values.pop("tpr_large") is None
    assert values == expected
    assert small == expected["tpr"]


def test_lesions_that_touch_at_a_corner_are_one() -> None:
    metrics = detection_metrics(_mask((0, 1, 1), (1, 2, 2)), _mask((1, 2, 2)), SPACING)
    assert (metrics.tpr, metrics.fpc) == (1, 0)


def test_one_object_over_two_lesions_finds_both() -> None:
    reference = _mask((1, 3, 1), (1, 3, 5))
    prediction = np.zeros(SHAPE, dtype=bool)
    prediction[1, 3, 1:6] = True
    metrics = detection_metrics(reference, prediction, SPACING)
    assert (metrics.tpr, metrics.fpc, metrics.f1) == (1, 0, 1)


def test_f1_weighs_missed_lesions_and_false_objects() -> None:
    prediction = _mask((1, 1, 1), (1, 1, 5), (1, 5, 5))
    metrics = detection_metrics(_mask((1, 1, 1), (1, 5, 1)), prediction, SPACING)
    assert metrics.tpr == 0.5
    assert metrics.fpc == 2
    assert metrics.f1 == pytest.approx(2 * 0.5 * (1 / 3) / (0.5 + 1 / 3))


def test_lesions_of_one_cubic_centimetre_are_large_and_smaller_ones_small() -> None:
    reference = np.zeros((4, 12, 14), dtype=bool)
    reference[0, 0:5, 0:5] = True  # 25 voxels of 40 mm3: exactly 1.0 cm3
    reference[2, 0:4, 0:6] = True  # 24 voxels, found
    reference[2, 8:10, 0:2] = True  # 4 voxels, missed
    prediction = np.zeros_like(reference)
    prediction[2, 0, 0] = True
    metrics = detection_metrics(reference, prediction, (2.0, 2.0, 10.0))
    assert (metrics.tpr_small, metrics.tpr_large) == (0.5, 0)
    assert metrics.tpr == pytest.approx(1 / 3)


def test_each_task_has_its_own_metrics() -> None:
    assert set(task_metrics("segmentation", ONE, ONE, SPACING)) == set(metric_names("segmentation"))
    assert set(task_metrics("detection", ONE, ONE, SPACING)) == set(metric_names("detection"))
    assert metric_names("detection") == ("tpr", "fpc", "f1", "dice", "tpr_small", "tpr_large")


def test_a_cohort_is_summarised_by_median_and_quartiles_of_the_defined_values() -> None:
    cases = [{"tpr": 0.2, "fpc": 3}, {"tpr": None, "fpc": 0}, {"tpr": 0.6, "fpc": 1}, {"tpr": 1.0, "fpc": 8}]
    summary = summarize(cases)
    assert summary["tpr"] == pytest.approx({"median": 0.6, "q1": 0.4, "q3": 0.8, "cases": 3})
    assert summary["fpc"] == pytest.approx({"median": 2, "q1": 0.75, "q3": 4.25, "cases": 4})
    assert summarize([{"tpr": None}])["tpr"] == {"median": None, "q1": None, "q3": None, "cases": 0}


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
