"""The loop in bfloat16, as where the processor multiplies that, and in float32, as where it does not, on any processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout_plain
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.frozen_trunk import FLOAT32_SWITCH
from PatientSpecificTuningLib.engine.network.frozen_trunk import FrozenTrunk
from PatientSpecificTuningLib.engine.network.frozen_trunk import has_fast_bfloat16
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.prediction import compute_with_probability
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.prediction import predict_probability_plain
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune

SETTINGS = TuningSettings(iterations=30, patch_size=32, learning_rate=1e-2)


@pytest.fixture(params=["float32", "bfloat16"])
def number_format(request, monkeypatch):
    """The processor as one that has bfloat16, or as one that has not."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: request.param == "bfloat16")
    return request.param


@pytest.fixture
def examination():
    torch.manual_seed(3)
    return DualPathwayNetwork(tiny_card()).eval(), *blob_examination(shape=(2, 32, 30))


def test_the_format_is_the_one_that_is_tested(number_format, examination):
    network = examination[0]
    wanted = torch.bfloat16 if number_format == "bfloat16" else torch.float32
    assert FrozenTrunk(network).compute == wanted


def test_lesions_and_uncertainty_are_those_of_the_plain_network(number_format, examination, tmp_path):
    network, images, organ, _ = examination
    store = compute_features(network, images, organ, tmp_path / "f.npy")
    plain = predict_probability_plain(network, images, organ)
    np.testing.assert_allclose(predict_probability(network.head, store), plain, atol=0.02)
    ours, plain = (
        dropout(*scan, repetitions=60, seed=1)[1][organ]
        for dropout, scan in (
            (monte_carlo_dropout, (network.head, store)),
            (monte_carlo_dropout_plain, (network, images, organ)),
        )
    )
    assert ours.mean() == pytest.approx(plain.mean(), rel=0.1)


def test_tuning_teaches_as_much_as_exact_features_do(number_format, examination, tmp_path):
    network, images, organ, lesions = examination
    heads = {
        precision: tuned_head(
            network, tune(network, images, organ, lesions, [0], SETTINGS, precision=precision)
        )
        for precision in ("auto", "float32")
    }
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    found = {name: predict_probability(head, store) for name, head in heads.items()}
    before = predict_probability(network.head, store)
    moved = np.abs(found["float32"] - before)[organ].mean()
    assert np.abs(found["auto"] - found["float32"])[organ].mean() < 0.2 * moved


def test_one_pass_of_the_trunk_gives_the_features_and_what_is_found_on_them(
    number_format, examination, tmp_path
):
    network, images, organ, _ = examination
    probability = compute_with_probability(network, images, organ, tmp_path / "one.npy")
    store = compute_features(network, images, organ, tmp_path / "two.npy")
    assert (tmp_path / "one.npy").read_bytes() == (tmp_path / "two.npy").read_bytes()
    np.testing.assert_allclose(probability, predict_probability(network.head, store), atol=0.02)
    assert (probability[~organ] == 0).all()


def test_a_processor_with_bfloat16_can_be_told_to_compute_without(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert has_fast_bfloat16("cpu")
    monkeypatch.setenv(FLOAT32_SWITCH, "1")
    assert not has_fast_bfloat16("cpu")
