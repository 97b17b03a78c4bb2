"""The priors from the baseline hide nothing, are bounded, and leave everything as it is where they are not asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.lesions.baseline_prior import LARGEST_PRIOR
from PatientSpecificTuningLib.engine.lesions.baseline_prior import RISEN_BRIGHTNESS
from PatientSpecificTuningLib.engine.lesions.baseline_prior import RISEN_LOGIT
from PatientSpecificTuningLib.engine.lesions.baseline_prior import LesionPriors
from PatientSpecificTuningLib.engine.lesions.baseline_prior import local_threshold
from PatientSpecificTuningLib.engine.lesions.baseline_prior import risen
from PatientSpecificTuningLib.engine.lesions.change import SeenLesions
from PatientSpecificTuningLib.engine.lesions.change_evidence import ChangeSettings
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.model.card import PostProcessing

SHAPE, SPACING = (4, 9, 8), (1.0, 1.0, 3.0)
probabilities = arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32))
masks = arrays(bool, SHAPE, elements=st.booleans())
priors = st.builds(LesionPriors, st.floats(0, LARGEST_PRIOR), st.floats(0, LARGEST_PRIOR))
WHOLE, NOWHERE = np.ones(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=bool)


@given(probabilities, masks, masks, masks, priors, st.booleans())
@settings(deadline=None, max_examples=60)
def test_every_voxel_that_is_lesion_without_priors_is_lesion_with_them(
    probability, baseline, rise, organ, chosen, opening
) -> None:
    processing = PostProcessing(opening=opening)
    without = binarize(probability, organ, processing)
    threshold = local_threshold(processing.threshold, baseline, rise, chosen)
    assert binarize(probability, organ, processing, threshold=threshold)[without].all()


@given(probabilities, masks, masks)
@settings(deadline=None, max_examples=20)
def test_where_nothing_is_asked_for_or_nothing_was_seen_nothing_changes(probability, baseline, rise) -> None:
    processing = PostProcessing()
    without = binarize(probability, WHOLE, processing)
    for lesions, tissue, chosen in (
        (NOWHERE, NOWHERE, LesionPriors(2.0, 2.0)),
        (baseline, rise, LesionPriors()),
    ):
        threshold = local_threshold(processing.threshold, lesions, tissue, chosen)
        assert np.array_equal(binarize(probability, WHOLE, processing, threshold=threshold), without)


def test_a_faint_lesion_stays_where_the_baseline_had_one_and_only_within_the_bound() -> None:
    baseline = NOWHERE.copy()
    baseline[1:3, 2:5, 2:5] = True
    processing, threshold = PostProcessing(), local_threshold(0.5, baseline, NOWHERE, LesionPriors(kept=1.0))
    assert threshold[2, 3, 3] == pytest.approx(1 / (1 + np.e))
    faint = np.full(SHAPE, 0.3, dtype=np.float32)
    assert np.array_equal(binarize(faint, WHOLE, processing, threshold=threshold), baseline)
    assert not binarize(faint - 0.1, WHOLE, processing, threshold=threshold).any()


def seen(logit: np.ndarray) -> SeenLesions:
    labels = (logit >= 0).astype(np.int32)
    return SeenLesions(labels, {1: 1.0}, logit, np.zeros_like(logit), logit)


def follow_up(level: float, *, size: int = 3) -> np.ndarray:
    logit = np.full(SHAPE, -7.0, dtype=np.float32)
    logit[1:3, 2 : 2 + size, 2 : 2 + size] = level
    return logit


BRIGHTER = np.full(SHAPE, RISEN_BRIGHTNESS, dtype=np.float32)


def tissue(before: SeenLesions, after: np.ndarray, brightened: np.ndarray = BRIGHTER) -> np.ndarray:
    return risen(before, after, brightened, 0.5, 1.0, SPACING, ChangeSettings())


BEFORE = seen(np.full(SHAPE, -7.0, dtype=np.float32))


def test_tissue_has_risen_where_the_logit_is_far_above_the_baselines_and_nearly_a_lesion() -> None:
    after = follow_up(-0.8)
    assert np.array_equal(tissue(BEFORE, after), after > -1)
    assert not tissue(BEFORE, follow_up(-1.2)).any()


def test_tissue_that_is_no_brighter_than_repeated_measurement_shows_has_not_risen() -> None:
    brightened = BRIGHTER.copy()
    brightened[:, :, 4:] -= 0.1
    found = tissue(BEFORE, follow_up(-0.8), brightened)
    assert found[1, 3, 3]
    assert not found[:, :, 4:].any()


def test_what_the_baseline_half_saw_within_the_error_of_the_border_has_not_risen() -> None:
    near = BEFORE.logit.copy()
    near[1:3, 2:5, 1] = -0.8 - RISEN_LOGIT + 0.1
    found = tissue(seen(near), follow_up(-0.8))
    assert not found[:, :, 2].any()
    assert found[1, 3, 4]


def test_a_speck_and_what_nobody_knows_of_has_not_risen() -> None:
    assert not tissue(BEFORE, follow_up(-0.8, size=1)).any()
    unknown = replace(BEFORE, highest_logit=np.full(SHAPE, 4.0, dtype=np.float32))
    assert not tissue(unknown, follow_up(3.0)).any()


def test_a_scanner_that_makes_all_lesions_brighter_makes_none_of_them_rise() -> None:
    before, after = BEFORE.logit.copy(), follow_up(-2.5)
    before[0, 6:8, 5:7], after[0, 6:8, 5:7] = 1.0, 4.0
    after[1:3, 2:5, 2:5] = (
        before[1:3, 2:5, 2:5] + RISEN_LOGIT + 2.5
    )  # less than that and the three of all lesions
    assert tissue(replace(seen(before), labels=np.zeros(SHAPE, np.int32)), after + 2)[1, 3, 3]
    assert not tissue(seen(before), after + 2)[1, 3, 3]


@pytest.mark.parametrize("prior", [-0.1, LARGEST_PRIOR + 0.1, float("nan")])
def test_a_prior_that_is_out_of_bounds_is_refused(prior) -> None:
    for values in ((prior, 0.0), (0.0, prior)):
        with pytest.raises(InputError, match="from 0"):
            LesionPriors(*values)
