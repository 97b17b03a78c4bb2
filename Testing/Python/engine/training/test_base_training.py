"""Base training learns, follows the paper's loss, and continues exactly after an interruption."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.training.augmentation import drop_pathway
from PatientSpecificTuningLib.engine.training.augmentation import fade_lesions
from PatientSpecificTuningLib.engine.training.augmentation import vary_contrast
from PatientSpecificTuningLib.engine.training.augmentation import vary_intensities
from PatientSpecificTuningLib.engine.training.base_training import BaseTraining
from PatientSpecificTuningLib.engine.training.base_training import learning_rate_at
from PatientSpecificTuningLib.engine.training.base_training import weighted_cross_entropy
from PatientSpecificTuningLib.engine.training.frozen_statistics import RandomDropout
from PatientSpecificTuningLib.engine.training.frozen_statistics import organ_logits
from PatientSpecificTuningLib.engine.training.group import TrainingGroup
from PatientSpecificTuningLib.engine.training.patch_sampler import PatchSampler
from PatientSpecificTuningLib.engine.training.patch_sampler import TrainingExamination
from PatientSpecificTuningLib.engine.training.settings import TrainingSettings
from scipy import ndimage


def examination(seed: int = 0) -> TrainingExamination:
    return TrainingExamination("blobs", *blob_examination(seed=seed))


def test_default_settings_are_those_of_the_paper():
    settings = TrainingSettings()
    assert (settings.iterations, settings.batch_size, settings.learning_rate) == (10_000, 4, 1e-4)
    assert settings.rotation_degrees == 45
    assert tiny_card().class_weights == (1, 5)


def test_training_lowers_the_loss():
    training = BaseTraining(tiny_card(), [examination()], TrainingSettings(iterations=12, learning_rate=1e-2))
    training.run()
    losses = training.progress.losses
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_interrupted_training_continues_to_the_same_weights(tmp_path):
    settings = TrainingSettings(iterations=4, learning_rate=1e-3, averaging=0.9)
    whole = BaseTraining(tiny_card(), [examination()], settings).run()
    checkpoint = tmp_path / "run.safetensors"
    first = BaseTraining(tiny_card(), [examination()], settings)
    first.run(checkpoint=checkpoint, cancelled=lambda: first.progress.iteration == 2)
    assert first.progress.iteration == 2
    second = BaseTraining(tiny_card(), [examination()], settings)
    resumed = second.run(checkpoint=checkpoint)
    assert len(second.progress.losses) == 4
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"adam.0.", b"adam.x."),
        lambda content: content.replace(b"adam.0.step", b"adam.99999."),
        lambda content: content.replace(b"losses", b"losers"),
    ],
    ids=["empty", "cut", "no number", "another number", "without losses"],
)
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, damage):
    settings = TrainingSettings(iterations=2, learning_rate=1e-3, averaging=0.9)
    training = BaseTraining(tiny_card(), [examination()], settings)
    checkpoint = tmp_path / "run.safetensors"
    training.run(checkpoint=checkpoint, cancelled=lambda: training.progress.iteration == 1)
    content = checkpoint.read_bytes()
    assert damage(content) != content
    checkpoint.write_bytes(damage(content))
    with pytest.raises(InputError, match="is damaged or of another training"):
        BaseTraining(tiny_card(), [examination()], settings).run(checkpoint=checkpoint)


def test_a_checkpoint_of_another_network_is_one_sentence(tmp_path):
    settings = TrainingSettings(iterations=1)
    checkpoint = tmp_path / "run.safetensors"
    BaseTraining(tiny_card(kernels=5), [examination()], settings).run(checkpoint=checkpoint)
    with pytest.raises(InputError, match="is damaged or of another training"):
        BaseTraining(tiny_card(), [examination()], settings).run(checkpoint=checkpoint)


def test_loss_is_the_weighted_mean_over_organ_pixels():
    logits = torch.zeros(1, 2, 2, 2)
    labels = torch.tensor([[[1, 0], [0, 1]]])
    organ = torch.tensor([[[True, True], [True, False]]])
    loss = weighted_cross_entropy(logits, labels, organ, (1.0, 5.0))
    assert loss.item() == pytest.approx(np.log(2) * (5 + 1 + 1) / 3, rel=1e-6)


def test_batches_repeat_by_seed_and_iteration_and_differ_otherwise():
    sampler = PatchSampler([examination()], tiny_card(), TrainingSettings(varied=True, lesion_centred=0.5))
    assert torch.equal(sampler.batch(3)[0], sampler.batch(3)[0])
    assert not torch.equal(sampler.batch(3)[0], sampler.batch(4)[0])


def test_by_default_every_patch_comes_from_a_lesion_slice():
    images, organ, lesions = blob_examination()
    only_second = np.zeros_like(lesions)
    only_second[1] = lesions[1]
    marked = images.copy()
    marked[:, 1][:, organ[1]] = 7
    sampler = PatchSampler(
        [TrainingExamination("one", marked, organ, only_second)], tiny_card(), TrainingSettings()
    )
    for iteration in range(5):
        batch, _, inside = sampler.batch(iteration)
        values = batch[:, 0][inside]
        assert values.median() == pytest.approx(7, abs=1e-4)


def test_training_without_any_lesion_is_refused():
    images, organ, lesions = blob_examination()
    with pytest.raises(InputError, match="lesion label"):
        PatchSampler(
            [TrainingExamination("none", images, organ, lesions & False)], tiny_card(), TrainingSettings()
        )


def test_one_cycle_warms_up_and_ends_near_zero():
    settings = TrainingSettings(iterations=100, learning_rate=1.0, schedule="one-cycle")
    rates = [learning_rate_at(i, settings) for i in range(100)]
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[0] < 0.2
    assert rates[-1] < 0.02


def test_varied_intensities_change_the_organ_and_leave_the_outside_at_zero():
    images, organ, _ = blob_examination()
    varied = vary_intensities(images[:, 0], organ[0], [0, 1], np.random.default_rng(0))
    assert (varied[:, ~organ[0]] == 0).all()
    assert np.abs(varied - images[:, 0])[:, organ[0]].mean() > 0.01
    assert np.isfinite(varied).all()


def test_contrast_changes_distances_of_intensities_and_never_their_order():
    ramp = np.linspace(-6, 8, 200, dtype=np.float32).reshape(1, 1, 200)
    patch, organ = np.concatenate([ramp, ramp]), np.ones((1, 200), dtype=bool)
    organ[0, :10] = False
    patch[:, ~organ] = 0
    rng = np.random.default_rng(0)
    varied = vary_contrast(patch, organ, [0, 1], 0.35, rng)
    assert (np.diff(varied[..., 10:]) > 0).all()
    assert (varied[:, ~organ] == 0).all()
    # Every pathway has a curve of its own, typical tissue stays at 0.
    assert np.abs(varied[0] - varied[1]).max() > 0.2
    assert np.abs(varied[:, organ & (np.abs(patch[0]) < 0.05)]).max() < 0.2
    slopes = np.diff(varied[..., 10:]) / np.diff(patch[..., 10:])
    assert slopes.max() / slopes.min() > 1.3


def test_channels_of_one_pathway_share_the_curve_of_contrast():
    image = np.random.default_rng(1).normal(size=(1, 20, 20)).astype(np.float32)
    organ = np.ones((20, 20), dtype=bool)
    varied = vary_contrast(np.concatenate([image, image]), organ, [0, 0], 0.5, np.random.default_rng(2))
    np.testing.assert_array_equal(varied[0], varied[1])


def test_without_contrast_nothing_is_drawn_and_nothing_changes():
    patch, organ = np.ones((2, 4, 4), dtype=np.float32), np.ones((4, 4), dtype=bool)
    rng = np.random.default_rng(0)
    assert vary_contrast(patch, organ, [0, 1], 0.0, rng) is patch
    assert rng.random() == np.random.default_rng(0).random()


def test_faded_lesions_keep_a_part_of_their_contrast_and_the_rest_of_the_brain_stays():
    organ, lesions = np.ones((2, 40, 40), dtype=bool)
    organ[:, :4] = lesions[...] = False
    lesions[18:24, 18:24] = True
    patch = np.stack([np.where(lesions, 2.0, 0.3), np.where(lesions, -1.5, 0.5)]).astype(np.float32) * organ
    faded = fade_lesions(patch, lesions, organ, 0.5, np.random.default_rng(3))
    inside, beside = np.s_[:, 20:22, 20:22], np.array([0.3, 0.5])
    kept = (faded[inside].mean(axis=(1, 2)) - beside) / (patch[inside].mean(axis=(1, 2)) - beside)
    np.testing.assert_allclose(kept[0], kept[1], rtol=0.02)
    assert 0.5 <= kept[0] < 0.95
    far = ~ndimage.binary_dilation(lesions)
    np.testing.assert_array_equal(faded[:, far], patch[:, far])


def test_a_patch_without_lesions_or_with_nothing_else_is_not_faded():
    patch, organ = np.ones((2, 8, 8), dtype=np.float32), np.ones((8, 8), dtype=bool)
    rng = np.random.default_rng(0)
    assert fade_lesions(patch, ~organ, organ, 0.5, rng) is patch
    assert fade_lesions(patch, organ, organ, 0.5, rng) is patch


def test_only_droppable_pathways_are_dropped():
    patch = np.ones((3, 4, 4), dtype=np.float32)
    rng = np.random.default_rng(0)
    dropped = drop_pathway(patch, [0, 0, 1], [1], 1.0, rng)
    assert dropped[:2].min() == 1
    assert dropped[2].max() == 0
    assert drop_pathway(patch, [0, 0, 1], [], 1.0, rng).min() == 1


def test_frozen_statistics_give_what_the_network_gives_in_inference_mode():
    torch.manual_seed(0)
    network = DualPathwayNetwork(tiny_card())
    network(torch.randn(2, 2, 40, 40))
    network.eval()
    images, organ = torch.randn(2, 2, 40, 40), torch.rand(2, 40, 40) > 0.5
    logits = organ_logits(network, images, organ, RandomDropout(0.0, 0))
    expected = network(images).permute(0, 2, 3, 1)[organ]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_training_with_frozen_statistics_changes_weights_and_no_statistics():
    settings = TrainingSettings(iterations=12, learning_rate=1e-2, frozen_statistics=True)
    training = BaseTraining(tiny_card(), [examination()], settings)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    training.run()
    changed = {
        name for name, value in training.network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert {name for name, _ in training.network.named_parameters()} == changed
    assert np.mean(training.progress.losses[-4:]) < np.mean(training.progress.losses[:4])


def test_frozen_statistics_are_for_one_process():
    with pytest.raises(InputError, match="one process"):
        BaseTraining(
            tiny_card(),
            [examination()],
            TrainingSettings(frozen_statistics=True),
            group=TrainingGroup(rank=0, size=2),
        )


def _loads(settings: TrainingSettings) -> np.ndarray:
    """How often a batch comes from an examination with one lesion slice and from one with many."""
    images, organ, lesions = blob_examination()
    single = np.zeros_like(lesions)
    single[1] = lesions[1]
    examinations = [
        TrainingExamination("low", np.full_like(images, 1) * organ, organ, single),
        TrainingExamination("high", np.full_like(images, 2) * organ, organ, lesions),
    ]
    return PatchSampler(examinations, tiny_card(), settings).lesion_odds


def test_patients_with_few_lesion_slices_can_count_as_much_as_others():
    assert _loads(TrainingSettings())[0] < 0.45
    assert _loads(TrainingSettings(equal_patients=True))[0] == pytest.approx(0.5)


def test_patches_are_centred_near_hard_background_where_wanted():
    images, organ, lesions = blob_examination()
    hard = np.zeros_like(lesions)
    hard[3, 30, 30] = True
    marked = images.copy()
    marked[:, 3][:, organ[3]] = 7
    scan = TrainingExamination("hard", marked, organ, lesions, hard=hard)
    sampler = PatchSampler([scan], tiny_card(), TrainingSettings(hard_centred=1.0))
    for iteration in range(3):
        batch, _, inside = sampler.batch(iteration)
        assert batch[:, 0][inside].median() == pytest.approx(7, abs=1e-4)
