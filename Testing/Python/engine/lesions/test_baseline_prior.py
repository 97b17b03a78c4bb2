"""The prior of baseline lesions hides nothing, is bounded, and leaves everything as it is where it is not asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.lesions.baseline_prior import LARGEST_PRIOR
from PatientSpecificTuningLib.engine.lesions.baseline_prior import local_threshold
from PatientSpecificTuningLib.engine.lesions.baseline_prior import require_prior
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.model.card import PostProcessing

SHAPE = (4, 9, 8)
probabilities = arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32))
masks = arrays(bool, SHAPE, elements=st.booleans())
WHOLE = np.ones(SHAPE, dtype=bool)


@given(probabilities, masks, masks, st.floats(0, LARGEST_PRIOR), st.booleans())
@settings(deadline=None, max_examples=60)
def test_every_voxel_that_is_lesion_without_the_prior_is_lesion_with_it(
    probability, baseline, organ, prior, opening
) -> None:
    processing = PostProcessing(opening=opening)
    without = binarize(probability, organ, processing)
    threshold = local_threshold(processing.threshold, baseline, prior)
    assert binarize(probability, organ, processing, threshold=threshold)[without].all()


@given(probabilities, masks)
@settings(deadline=None, max_examples=20)
def test_without_a_lesion_in_the_baseline_or_with_a_prior_of_zero_nothing_changes(
    probability, baseline
) -> None:
    processing = PostProcessing()
    without = binarize(probability, WHOLE, processing)
    for lesions, prior in ((np.zeros(SHAPE, bool), 2.0), (baseline, 0.0)):
        threshold = local_threshold(processing.threshold, lesions, prior)
        assert np.array_equal(binarize(probability, WHOLE, processing, threshold=threshold), without)


def test_a_faint_lesion_stays_where_the_baseline_had_one_and_only_within_the_bound() -> None:
    baseline = np.zeros(SHAPE, dtype=bool)
    baseline[1:3, 2:5, 2:5] = True
    processing, threshold = PostProcessing(), local_threshold(0.5, baseline, 1.0)
    assert threshold[2, 3, 3] == pytest.approx(1 / (1 + np.e))
    faint = np.full(SHAPE, 0.3, dtype=np.float32)
    assert np.array_equal(binarize(faint, WHOLE, processing, threshold=threshold), baseline)
    assert not binarize(faint - 0.1, WHOLE, processing, threshold=threshold).any()


@pytest.mark.parametrize("prior", [-0.1, LARGEST_PRIOR + 0.1, float("nan")])
def test_a_prior_that_is_out_of_bounds_is_refused(prior) -> None:
    with pytest.raises(InputError, match="from 0"):
        require_prior(prior)
