"""Voxels that are not sampled are those whose softmax dropout cannot move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from builders import blob_examination
from PatientSpecificTuningLib.engine.images.normalization import normalized
from PatientSpecificTuningLib.engine.lesions.logit_moments import largest_deviation
from PatientSpecificTuningLib.engine.lesions.logit_moments import logit_moments
from PatientSpecificTuningLib.engine.lesions.logit_moments import softmax_deviation
from PatientSpecificTuningLib.engine.lesions.uncertainty import SAMPLED_ABOVE_SD
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.lesions.uncertainty import predict_with_deviation
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.folded_head import FoldedHead
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.random_bits import RandomBits

SAMPLE = Path(__file__).parents[4] / "PatientSpecificTuning" / "Resources" / "SampleData" / "Brain"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Head and features of the shipped brain model on blobs that it takes for lesions, and on noise."""
    images, organ, lesions = blob_examination(shape=(2, 48, 48))
    images = images.copy()
    images[0][lesions] += 4
    _card, network = load_model(choose_model(None))
    store = compute_features(network, images, organ, tmp_path_factory.mktemp("features") / "f.npy")
    return network.head, store


@pytest.fixture
def shipped_on_anatomy(tmp_path):
    """The same on the middle of a slice of the sample case, where much is in doubt, as on a scan."""

    def middle(name: str) -> np.ndarray:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(SAMPLE / f"baseline_{name}.nii.gz")))[26:27]

    card, network = load_model(choose_model(None))
    organ = middle("brain_mask") > 0
    images = np.stack([normalized(middle(name), organ, card.normalization) for name in ("FLAIR", "T1")])
    part = np.s_[..., 50:150, 40:120]
    store = compute_features(network, images[part].astype(np.float32), organ[part], tmp_path / "f.npy")
    return network.head, store


def test_unsampled_voxels_have_a_negligible_deviation(shipped):
    head, store = shipped
    some = monte_carlo_dropout(head, store, repetitions=100, seed=3)[1][store.kept]
    every = monte_carlo_dropout(head, store, repetitions=100, seed=4, sampled_above=0)[1][store.kept]
    logit, variance = logit_moments(FoldedHead(head), store.picked(np.arange(len(store))))
    skipped = (largest_deviation(logit, variance) <= SAMPLED_ABOVE_SD).numpy()
    assert 0.05 < skipped.mean() < 0.999
    assert every[skipped].max() <= SAMPLED_ABOVE_SD
    assert some[skipped].max() <= SAMPLED_ABOVE_SD


def test_where_nothing_is_sampled_the_deviation_is_closer_than_25_repetitions_bring_it(shipped_on_anatomy):
    head, store = shipped_on_anatomy
    truth, some = (
        monte_carlo_dropout(head, store, repetitions=count, seed=seed, sampled_above=0)[1][store.kept]
        for count, seed in ((400, 5), (25, 6))
    )
    logit, variance = logit_moments(FoldedHead(head), store.picked(np.arange(len(store))))
    skipped = (largest_deviation(logit, variance) <= SAMPLED_ABOVE_SD).numpy()
    calculated = softmax_deviation(logit, variance).numpy()
    wrong, wrong_by_25 = (np.abs(values - truth)[skipped] for values in (calculated, some))
    assert wrong.max() < 0.005
    assert wrong.mean() < wrong_by_25.mean()


def test_the_deviation_of_a_normal_logit_is_that_of_its_samples():
    logit, variance = torch.tensor([-4.0, 0.0, 2.0]), torch.tensor([2.0, 0.5, 9.0])
    normal = np.random.default_rng(0).normal(size=200_000)
    samples = 1 / (1 + np.exp(-(logit.numpy()[:, None] + variance.sqrt().numpy()[:, None] * normal)))
    np.testing.assert_allclose(softmax_deviation(logit, variance).numpy(), samples.std(axis=1), rtol=0.05)


def test_error_propagation_follows_the_sampled_deviation(shipped):
    head, store = shipped
    sampled = monte_carlo_dropout(head, store, repetitions=200, sampled_above=0)[1][store.kept]
    logit, variance = logit_moments(FoldedHead(head), store.picked(np.arange(len(store))))
    propagated = softmax_deviation(logit, variance).numpy()
    assert np.corrcoef(sampled, propagated)[0, 1] > 0.8
    assert (sampled <= largest_deviation(logit, variance).numpy() + 0.5 * SAMPLED_ABOVE_SD).all()


def test_one_pass_gives_softmax_and_deviation_of_the_logit(shipped):
    head, store = shipped
    probability, deviation = predict_with_deviation(head, store, least=0.3)
    exact = predict_probability(head, store)
    near = exact >= 0.3
    np.testing.assert_allclose(probability[near], exact[near], atol=1e-6)
    # Lower ones decide nothing, and their logit errs by a few hundredths where bfloat16 is fast.
    np.testing.assert_allclose(probability, exact, rtol=0.1, atol=1e-6)
    _logit, variance = logit_moments(FoldedHead(head), store.picked(np.arange(len(store))))
    wanted = np.where(probability >= 0.3, store.volume(variance.sqrt().numpy()), 0)
    assert (wanted > 0).any()
    np.testing.assert_allclose(deviation, wanted, rtol=1e-4)


def test_folded_head_gives_the_softmax_of_the_head(shipped):
    head, store = shipped
    rows = store.picked(np.arange(len(store))).float()
    with torch.inference_mode():
        plain = torch.softmax(head.eval()(rows), dim=-1)[:, 1].numpy()
    np.testing.assert_allclose(predict_probability(head, store)[store.kept], plain, atol=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5])
def test_random_bits_drop_at_the_given_rate_and_repeat_by_seed(rate):
    keep = RandomBits(1).keep((1000, 333), rate)
    assert keep.shape == (1000, 333)
    assert keep.float().mean().item() == pytest.approx(1 - rate, abs=0.004)
    assert torch.equal(keep, RandomBits(1).keep((1000, 333), rate))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5])
def test_dropped_values_are_those_that_the_mask_keeps(rate, kind):
    values = torch.randn(101, 33).to(kind)
    kept = RandomBits(3).keep(values.shape, rate)
    assert torch.equal(RandomBits(3).dropped(values, rate), values * kept)
