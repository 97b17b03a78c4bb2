"""Pixel weights of fine-tuning as the paper sets them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.judging.detection import match_lesions
from PatientSpecificTuningLib.engine.tuning.weighting import LARGEST_FACTOR
from PatientSpecificTuningLib.engine.tuning.weighting import LEAST_FACTOR
from PatientSpecificTuningLib.engine.tuning.weighting import lesion_wise_weights
from PatientSpecificTuningLib.engine.tuning.weighting import weight_map

SHAPE = (2, 7, 9)
masks = arrays(bool, SHAPE, elements=st.booleans())


@given(masks, masks)
@settings(deadline=None)
def test_segmentation_weights_follow_the_confusion_of_each_voxel(labels, predicted) -> None:
    weights = weight_map(labels, predicted, "segmentation")
    assert weights.dtype == np.float32
    assert (weights[labels != predicted] == 5).all()
    assert (weights[labels & predicted] == 2).all()
    assert (weights[~labels & ~predicted] == 1).all()


@given(masks, masks)
@settings(deadline=None)
def test_detection_weights_are_among_those_of_the_paper(labels, predicted) -> None:
    weights = weight_map(labels, predicted, "detection")
    assert (weights[labels & predicted] == 2).all()
    assert (weights[~labels & ~predicted] == 1).all()
    assert set(np.unique(weights[labels & ~predicted])) <= {5, 0}
    assert set(np.unique(weights[~labels & predicted])) <= {1, 0}


def test_detection_weights_of_a_found_a_missed_and_a_false_lesion() -> None:
    labels, predicted = np.zeros((2, *SHAPE), dtype=bool)
    labels[0, 1:3, 1:3] = True  # found: the prediction reaches over it
    predicted[0, 1:3, 2:4] = True
    labels[0, 5, 1:3] = True  # missed
    predicted[0, 5:7, 7] = True  # false
    weights = weight_map(labels, predicted, "detection")
    assert weights[0, 1].tolist() == [1, 0, 2, 0, 1, 1, 1, 1, 1]
    assert weights[0, 5].tolist() == [1, 5, 5, 1, 1, 1, 1, 1, 1]
    assert (weights[1] == 1).all()


def test_an_object_that_meets_a_lesion_in_another_slice_is_attached_to_it() -> None:
    labels, predicted = np.zeros((2, *SHAPE), dtype=bool)
    labels[0, 2, 2] = True
    predicted[0, 2, 2] = predicted[1, 3, 3:6] = True  # one object, joined at a corner
    weights = weight_map(labels, predicted, "detection")
    assert weights[0, 2, 2] == 2
    assert (weights[1, 3, 3:6] == 0).all()


def test_an_object_beside_a_lesion_has_not_found_it() -> None:
    labels, predicted = np.zeros((2, *SHAPE), dtype=bool)
    labels[0, 2, 2:4] = True
    predicted[0, 2, 4:6] = True
    weights = weight_map(labels, predicted, "detection")
    assert weights[0, 2].tolist() == [1, 1, 5, 5, 1, 1, 1, 1, 1]


@given(masks, masks)
@settings(deadline=None)
def test_detection_weights_agree_with_how_detection_is_judged(labels, predicted) -> None:
    weights, match = weight_map(labels, predicted, "detection"), match_lesions(labels, predicted)
    for number, found in enumerate(match.found, start=1):
        expected = {0, 2} if found else {5}
        assert set(weights[match.lesions == number]) <= expected
    for number, hit in enumerate(match.hits, start=1):
        assert set(weights[(match.objects == number) & ~labels]) <= ({0} if hit else {1})


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(InputError, match="use segmentation or detection"):
        weight_map(np.zeros(SHAPE, bool), np.zeros(SHAPE, bool), "other")


@given(masks, st.sets(st.integers(0, SHAPE[0] - 1), min_size=1))
@settings(deadline=None)
def test_lesion_wise_weights_leave_the_balance_of_lesions_and_background(labels, slices) -> None:
    weights = lesion_wise_weights(labels, sorted(slices), (1.5, 3.0))
    chosen = labels[sorted(slices)]
    assert (weights[~labels] == 1.5).all()
    if chosen.any():
        assert weights[sorted(slices)][chosen].mean() == pytest.approx(3.0, rel=1e-4)
    others = sorted(set(range(SHAPE[0])) - slices)
    assert (weights[others][labels[others]] == 3.0).all()


def test_a_small_lesion_counts_for_more_than_a_large_one_but_within_bounds() -> None:
    labels = np.zeros((2, 40, 40), dtype=bool)
    labels[0, 2, 2] = True
    labels[0, 5:7, 10:12] = True
    labels[0, 10:39, 2:39] = True
    labels[1, 2, 2] = True  # below the first one: slices are taken by themselves
    weights = lesion_wise_weights(labels, [0], (1.0, 1.0))
    spot, middle, large = weights[0, 2, 2], weights[0, 5, 10], weights[0, 20, 20]
    assert spot > large
    assert spot >= middle > large
    assert spot / large <= LARGEST_FACTOR / LEAST_FACTOR * 1.001
    assert weights[1, 2, 2] == 1


def test_tissue_of_two_slices_is_no_common_lesion() -> None:
    labels = np.zeros((2, 9, 9), dtype=bool)
    labels[0, 1:7, 1:7] = True
    labels[1, 1, 1] = True
    weights = lesion_wise_weights(labels, [0, 1], (1.0, 1.0))
    assert weights[1, 1, 1] > weights[0, 1, 1]
