"""Fine-tuning changes the head alone, learns the patient, repeats by seed and starts from the base weights."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.network.tuned_head import load_tuned_head
from PatientSpecificTuningLib.engine.network.tuned_head import save_tuned_head
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.plan import plan_patches
from PatientSpecificTuningLib.engine.tuning.tuning import tune

QUICK = TuningSettings(iterations=6, patch_size=32, learning_rate=1e-2)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DualPathwayNetwork(tiny_card()).eval()


def states_equal(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_default_settings_are_those_of_the_paper():
    settings = TuningSettings()
    assert (settings.iterations, settings.batch_size, settings.learning_rate) == (100, 4, 1e-4)
    assert (settings.rotation_degrees, settings.patch_size, settings.weighting) == (45, 128, None)


def test_the_base_network_is_bit_identical_after_tuning_and_the_head_is_not(network):
    before = copy.deepcopy(network.state_dict())
    tuned = tune(network, *blob_examination(), [0, 1], QUICK)
    assert states_equal(before, network.state_dict())
    assert not states_equal(tuned.state, network.head.state_dict())


def test_only_the_last_two_layers_are_trained():
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(ModelCard()).eval()
    tuned = tune(
        network, images, organ, lesions, [0], TuningSettings(iterations=1, batch_size=1, patch_size=16)
    )
    assert tuned.trainable_parameters == 82_434


def test_batch_normalisation_keeps_the_statistics_of_the_base_model(network):
    tuned = tune(network, *blob_examination(), [0, 1], QUICK)
    for name in ("normalization.running_mean", "normalization.running_var"):
        assert torch.equal(tuned.state[name], network.head.state_dict()[name])


def test_tuning_raises_the_probability_of_lesions_over_that_of_the_background(network, tmp_path):
    images, organ, lesions = blob_examination()
    store = compute_features(network, images, organ, tmp_path / "f.npy")
    settings = TuningSettings(iterations=40, patch_size=32, learning_rate=1e-2)
    tuned = tune(network, images, organ, lesions, [0, 1], settings)

    def contrast(head):
        probability = predict_probability(head, store)[2]
        return probability[lesions[2]].mean() - probability[organ[2] & ~lesions[2]].mean()

    assert contrast(tuned_head(network, tuned)) > contrast(network.head) + 0.2
    assert np.mean(tuned.loss_history[-5:]) < np.mean(tuned.loss_history[:5])


def test_same_seed_gives_the_same_weights_and_another_seed_does_not(network):
    examination = blob_examination()
    first = tune(network, *examination, [0, 1], QUICK)
    again = tune(network, *examination, [0, 1], QUICK)
    other = tune(network, *examination, [0, 1], TuningSettings(**(vars(QUICK) | {"seed": 1})))
    assert states_equal(first.state, again.state)
    assert not states_equal(first.state, other.state)


def test_the_base_cnn_has_its_share_in_what_comes_back(network):
    examination = blob_examination()
    alone = tune(network, *examination, [0, 1], QUICK)
    beside = tune(network, *examination, [0, 1], TuningSettings(**(vars(QUICK) | {"base_slices": 3})))
    rows = torch.rand(20, network.card.feature_maps)
    base, tuned, both = (
        head(rows) for head in (network.head, tuned_head(network, alone), tuned_head(network, beside))
    )
    torch.testing.assert_close(both, 0.6 * base + 0.4 * tuned, atol=1e-5, rtol=1e-4)
    assert (beside.loss_history, beside.trainable_parameters) == (
        alone.loss_history,
        alone.trainable_parameters,
    )


def test_the_more_slices_are_corrected_the_less_the_base_cnn_has_to_say():
    settings = TuningSettings(base_slices=3)
    shares = [settings.base_share(slices) for slices in (1, 2, 3, 27)]
    assert shares == [0.75, 0.6, 0.5, 0.1]
    assert TuningSettings().base_share(2) == 0


@pytest.mark.parametrize("slices", [-0.1, 1e9, float("nan")])
def test_a_weight_of_the_base_cnn_that_leaves_nothing_to_the_tuned_one_is_refused(slices):
    with pytest.raises(InputError, match="the base CNN counts as much as"):
        TuningSettings(base_slices=slices)


def test_labels_on_slices_that_are_not_corrected_have_no_influence(network):
    images, organ, lesions = blob_examination()
    changed = lesions.copy()
    changed[2] = organ[2]
    first = tune(network, images, organ, lesions, [0, 1], QUICK)
    second = tune(network, images, organ, changed, [0, 1], QUICK)
    assert states_equal(first.state, second.state)


def test_plan_depends_on_slices_and_seed_and_uses_each_of_the_five_patches_once_a_round():
    _, organ, _ = blob_examination(shape=(3, 200, 190))
    settings = TuningSettings(iterations=5, batch_size=4)
    plan = plan_patches(organ, [0, 2], settings)
    assert len(plan) == 20
    assert plan == plan_patches(organ, [0, 2], settings)
    first_round = {(p.position, p.window) for p in plan[:10]}
    assert len(first_round) == 10
    assert {p.position for p in plan} == {0, 2}
    assert all(abs(p.degrees) <= 45 for p in plan)
    assert len({p.degrees for p in plan}) == 20


def test_a_pool_of_patches_is_reused():
    _, organ, _ = blob_examination()
    plan = plan_patches(organ, [0], TuningSettings(iterations=5, patch_pool=3, patch_size=32))
    assert len(plan) == 20
    assert len(set(plan)) == 5


@pytest.mark.parametrize("weighting", ["segmentation", "detection"])
def test_weighting_changes_what_is_learned(network, weighting):
    images, organ, lesions = blob_examination()
    prediction = np.zeros_like(lesions)
    prediction[0] = lesions[0]
    plain = tune(network, images, organ, lesions, [0, 1], QUICK)
    settings = TuningSettings(**(vars(QUICK) | {"weighting": weighting}))
    weighted = tune(network, images, organ, lesions, [0, 1], settings, base_prediction=prediction)
    assert not states_equal(plain.state, weighted.state)


def test_lesion_wise_weights_need_no_prediction_and_change_what_is_learned_from_lesions_of_two_sizes(network):
    images, organ, lesions = blob_examination()
    settings = TuningSettings(**(vars(QUICK) | {"weighting": "lesions"}))

    def differs():
        plain = tune(network, images, organ, lesions, [0, 1], QUICK)
        return not states_equal(plain.state, tune(network, images, organ, lesions, [0, 1], settings).state)

    assert not differs()  # all lesions are of one size
    lesions[0, 10:30, 10:30] = organ[0, 10:30, 10:30]
    assert differs()


def test_weighting_without_the_base_prediction_is_refused(network):
    settings = TuningSettings(weighting="segmentation")
    with pytest.raises(InputError, match="base CNN"):
        tune(network, *blob_examination(), [0], settings)


def test_slices_without_any_lesion_are_refused(network):
    images, organ, lesions = blob_examination()
    with pytest.raises(InputError, match="at least one slice"):
        tune(network, images, organ, lesions, [3], QUICK)
    with pytest.raises(InputError, match="at least one slice"):
        tune(network, images, organ, lesions, [], QUICK)


def test_slice_without_organ_is_refused():
    _, organ, _ = blob_examination()
    organ[1] = False
    for position in (1, 99):
        with pytest.raises(InputError, match="shows no organ"):
            plan_patches(organ, [position], QUICK)


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": 0},
        {"learning_rate": 0.0},
        {"rotation_degrees": 200},
        {"weighting": "x"},
        {"loss_area": "x"},
    ],
)
def test_settings_that_make_no_sense_are_refused(change):
    with pytest.raises(InputError, match="cannot be used"):
        TuningSettings(**change)


def test_tuning_can_be_cancelled(network):
    with pytest.raises(Cancelled, match="after 0 of"):
        tune(network, *blob_examination(), [0], QUICK, cancelled=lambda: True)


def test_tuned_head_comes_back_from_disk(network, tmp_path):
    tuned = tune(network, *blob_examination(), [0, 1], QUICK)
    save_tuned_head(tmp_path, tuned, {"seed": 0})
    assert states_equal(load_tuned_head(tmp_path, network).state_dict(), tuned.state)


def test_who_may_read_the_record_of_a_tuned_head_may_read_its_weights(network, tmp_path):
    tuned = tune(network, *blob_examination(), [0, 1], QUICK)
    save_tuned_head(tmp_path, tuned, {})
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_damaged_or_foreign_tuned_head_is_refused(network, tmp_path):
    tuned = tune(network, *blob_examination(), [0, 1], QUICK)
    save_tuned_head(tmp_path, tuned, {})
    with pytest.raises(InputError, match="another model"):
        load_tuned_head(tmp_path, DualPathwayNetwork(tiny_card(head_kernels=9)))
    (tmp_path / "head.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="damaged"):
        load_tuned_head(tmp_path, network)
