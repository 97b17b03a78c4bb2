"""A tuned CNN that marks too much or too little on the corrected slices is shifted to what was drawn there."""

from __future__ import annotations

import numpy as np
import pytest
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.logit_shift import best_shift
from PatientSpecificTuningLib.engine.tuning.logit_shift import with_drawn_threshold
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune
from scipy.special import logit


def test_the_shift_is_what_brings_the_threshold_between_background_and_lesion():
    drawn = np.array([False] * 50 + [True] * 50)
    logits = np.concatenate([np.linspace(-6, -2.05, 50), np.linspace(-1.95, 3, 50)])
    assert best_shift(logits, drawn, 0) == pytest.approx(2.0)
    assert best_shift(logits + 4, drawn, 0) == pytest.approx(-2.0)


def test_a_cnn_that_marks_what_was_drawn_is_not_shifted():
    drawn = np.array([False, False, True, True])
    assert best_shift(np.array([-3.0, -0.2, 0.2, np.inf]), drawn, 0) == 0


def test_lesion_voxels_that_nothing_can_find_ask_for_no_shift():
    drawn = np.array([False] * 40 + [True] * 2)
    logits = np.concatenate([np.linspace(-3, -0.1, 40), [1.0, 1.0]])
    assert best_shift(logits, drawn, missed=30) == 0


def test_slices_without_a_lesion_ask_for_no_shift():
    assert best_shift(np.linspace(-3, -1, 9), np.zeros(9, dtype=bool), 0) == 0


def test_every_logit_moves_by_the_part_that_the_number_of_slices_bears(tmp_path):
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(tiny_card()).eval()
    store = compute_features(network, images, organ, tmp_path / "features.npy")
    tuned = tune(network, images, organ, lesions, [0, 1], TuningSettings(iterations=1))
    shifted = with_drawn_threshold(network, tuned, store, lesions, [0, 1])
    before, after = (
        logit(predict_probability(tuned_head(network, head), store)[organ].astype(np.float64))
        for head in (tuned, shifted)
    )
    asked = best_shift(
        logit(predict_probability(tuned_head(network, tuned), store)[:2][organ[:2]]),
        lesions[:2][organ[:2]],
        0,
    )
    assert asked != 0
    np.testing.assert_allclose(after - before, asked * 2 / 3, atol=1e-3)
    assert shifted.loss_history == tuned.loss_history


def test_models_whose_card_does_not_say_so_are_tuned_as_in_the_paper():
    assert not TuningSettings.of(tiny_card()).logit_shift


def test_tuning_shifts_as_the_settings_say(tmp_path):
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(tiny_card()).eval()
    store = compute_features(network, images, organ, tmp_path / "features.npy")
    plain = tune(network, images, organ, lesions, [0, 1], TuningSettings(iterations=1))
    settings = TuningSettings(iterations=1, logit_shift=True)
    shifted = tune(network, images, organ, lesions, [0, 1], settings, stored=store)
    by_hand = with_drawn_threshold(network, plain, store, lesions & organ, [0, 1])
    assert by_hand.state["output.bias"].tolist() == shifted.state["output.bias"].tolist()
    assert by_hand.state["output.bias"].tolist() != plain.state["output.bias"].tolist()


def test_slices_beyond_the_baseline_say_nothing_about_its_threshold(tmp_path):
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(tiny_card()).eval()
    store = compute_features(network, images, organ, tmp_path / "features.npy")
    tuned = tune(network, images, organ, lesions, [0, 1], TuningSettings(iterations=1))
    alone = with_drawn_threshold(network, tuned, store, lesions, [0, 1])
    stack = np.pad(lesions, [(0, 3), (0, 5), (0, 2)])
    stack[len(lesions) + 1] = True
    beside = with_drawn_threshold(network, tuned, store, stack, [0, 1, len(lesions) + 1])
    assert beside.state["output.bias"].tolist() == alone.state["output.bias"].tolist()


def test_a_shift_without_stored_features_is_refused_before_any_work():
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(tiny_card()).eval()
    with pytest.raises(InputError, match="stored features of the baseline; prepare it first"):
        tune(network, images, organ, lesions, [0, 1], TuningSettings(logit_shift=True))
