"""A tuned head beside the base head is one head whose logits are the mean of both, in memory and on disk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.folded_head import FoldedHead
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.network import Head
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import TunedHead
from PatientSpecificTuningLib.engine.network.tuned_head import beside_base
from PatientSpecificTuningLib.engine.network.tuned_head import load_tuned_head
from PatientSpecificTuningLib.engine.network.tuned_head import save_tuned_head
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head


def random_head(seed: int, units: int | None = None) -> Head:
    torch.manual_seed(seed)
    head = Head(tiny_card(), units)
    norm = head.normalization
    norm.running_mean.normal_(0, 0.3)
    norm.running_var.uniform_(0.5, 2)
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias, 0, 0.3)
    return head.eval()


@pytest.fixture
def network() -> DualPathwayNetwork:
    torch.manual_seed(0)
    network = DualPathwayNetwork(tiny_card()).eval()
    network.head = random_head(1)
    return network


def beside(network: DualPathwayNetwork, tuned: Head, share: float) -> TunedHead:
    return TunedHead(beside_base(network.head, tuned.state_dict(), share), [1.0], 1)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
@torch.inference_mode()
def test_its_logits_are_the_weighted_mean_of_those_of_both(network: DualPathwayNetwork, share: float) -> None:
    tuned = random_head(2)
    rows = torch.rand(50, network.card.feature_maps)
    both = tuned_head(network, beside(network, tuned, share))
    wanted = share * network.head(rows) + (1 - share) * tuned(rows)
    torch.testing.assert_close(both(rows), wanted, atol=1e-5, rtol=1e-4)
    folded = FoldedHead(both)
    difference = (wanted[:, 1] - wanted[:, 0]).detach()
    torch.testing.assert_close(folded.logit(folded.units(rows)), difference, atol=1e-4, rtol=1e-4)


def test_without_a_share_the_tuned_weights_stay_as_they_are(network: DualPathwayNetwork) -> None:
    state = random_head(2).state_dict()
    assert beside_base(network.head, state, 0) is state


def test_it_comes_back_from_disk_and_its_dropout_samples_lie_around_it(network, tmp_path) -> None:
    images, organ, _ = blob_examination()
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    tuned = random_head(2)
    save_tuned_head(tmp_path, beside(network, tuned, 0.5), {})
    both = load_tuned_head(tmp_path, network)

    def logit(head: Head) -> np.ndarray:
        probability = predict_probability(head, store)[organ].astype(float)
        return np.log(probability / (1 - probability))

    mean = (logit(network.head) + logit(tuned)) / 2
    np.testing.assert_allclose(logit(both), mean, atol=1e-3)
    found, deviation = monte_carlo_dropout(both, store, sampled_above=0)
    np.testing.assert_allclose(found[organ].mean(), predict_probability(both, store)[organ].mean(), atol=0.05)
    assert (deviation[organ] > 0).any()


@pytest.mark.parametrize("units", [1, 3 * tiny_card().head_kernels])
def test_weights_of_another_width_are_refused(network, tmp_path, units: int) -> None:
    save_tuned_head(tmp_path, TunedHead(random_head(2, units).state_dict(), [1.0], 1), {})
    with pytest.raises(InputError, match="damaged or belong to another model"):
        load_tuned_head(tmp_path, network)
