"""Prediction and Monte Carlo dropout on stored features equal the plain network's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout_plain
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.prediction import predict_probability_plain
from scipy import stats


@pytest.fixture
def scan(tmp_path):
    torch.manual_seed(3)
    images, organ, _ = blob_examination(shape=(2, 24, 22))
    network = DualPathwayNetwork(tiny_card()).eval()
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    return network, images, organ, store


def test_probability_from_features_equals_the_plain_network(scan):
    network, images, organ, store = scan
    plain = predict_probability_plain(network, images, organ)
    np.testing.assert_allclose(predict_probability(network.head, store), plain, atol=1e-4)


def test_probability_of_the_full_size_network_equals_the_plain_one(tmp_path):
    torch.manual_seed(1)
    images, organ, _ = blob_examination(shape=(1, 40, 36))
    network = DualPathwayNetwork(ModelCard()).eval()
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    plain = predict_probability_plain(network, images, organ)
    np.testing.assert_allclose(predict_probability(network.head, store), plain, atol=1e-4)


def test_probability_is_zero_outside_the_organ(scan):
    network, _, organ, store = scan
    assert (predict_probability(network.head, store)[~organ] == 0).all()


def test_dropout_samples_have_the_distribution_of_the_plain_network(scan):
    network, images, organ, store = scan
    repetitions = 400
    mean, sd = monte_carlo_dropout(network.head, store, repetitions=repetitions, seed=1)
    plain_mean, plain_sd = monte_carlo_dropout_plain(network, images, organ, repetitions=repetitions, seed=2)
    # Both means are estimates, so their difference has this standard error; z-scores must look standard normal.
    error = np.sqrt((sd**2 + plain_sd**2) / repetitions)[organ]
    z = (mean - plain_mean)[organ] / np.maximum(error, 1e-6)
    assert abs(z.mean()) < 0.3
    assert 0.8 < z.std() < 1.25
    ratio = sd[organ].mean() / plain_sd[organ].mean()
    assert ratio == pytest.approx(1, abs=0.03)
    assert stats.pearsonr(sd[organ], plain_sd[organ]).statistic > 0.95


def test_uncertainty_repeats_by_seed(scan):
    network, _, _, store = scan
    first = monte_carlo_dropout(network.head, store, repetitions=3, seed=7)
    again = monte_carlo_dropout(network.head, store, repetitions=3, seed=7)
    other = monte_carlo_dropout(network.head, store, repetitions=3, seed=8)
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_without_dropout_there_is_no_uncertainty(tmp_path):
    images, organ, _ = blob_examination(shape=(1, 20, 20))
    network = DualPathwayNetwork(tiny_card(dropout=0.0)).eval()
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    mean, sd = monte_carlo_dropout(network.head, store, repetitions=4)
    assert sd.max() < 1e-6
    np.testing.assert_allclose(mean, predict_probability(network.head, store), atol=0.01)


def test_uncertainty_can_be_cancelled(scan):
    network, _, _, store = scan
    with pytest.raises(Cancelled):
        monte_carlo_dropout(network.head, store, cancelled=lambda: True)
