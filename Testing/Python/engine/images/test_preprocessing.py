"""One examination becomes what the network sees: aligned, even, normalised inside the organ, and reversible."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.bias_field import correct_bias_field
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.geometry import return_to_user_grid
from PatientSpecificTuningLib.engine.images.normalization import normalize
from PatientSpecificTuningLib.engine.images.normalization import normalized
from PatientSpecificTuningLib.engine.images.organ_mask import estimate_brain_mask
from PatientSpecificTuningLib.engine.images.preprocessing import preprocess_examination
from PatientSpecificTuningLib.engine.model.card import Normalization
from PatientSpecificTuningLib.engine.model.card import Pathway
from scipy import ndimage

SHAPE = (14, 48, 44)
SPACING = (0.958, 0.958, 3.0)


def _image(array: np.ndarray, spacing: tuple[float, ...] = SPACING) -> sitk.Image:
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing(spacing)
    return image


def _organ() -> np.ndarray:
    z, y, x = np.indices(SHAPE)
    return ((z - 7) / 6) ** 2 + ((y - 23) / 19) ** 2 + ((x - 21) / 17) ** 2 < 1


def _mask() -> sitk.Image:
    return sitk.Cast(_image(_organ()), sitk.sitkUInt8)


def _tissue(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (500 + 60 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), (1, 2, 2)) / 0.1) * _organ()


def _sequences() -> list[list[sitk.Image]]:
    return [[_image(_tissue())], [_image(900 - _tissue() * 0.8)]]


CARD = tiny_card(bias_correction=False)


def test_every_channel_has_zero_mean_and_unit_deviation_inside_the_organ_and_is_zero_outside() -> None:
    result = preprocess_examination("baseline", _sequences(), _mask(), CARD, registration="none")
    assert result.images.shape == (2, *SHAPE)
    assert result.images.dtype == np.float32
    for channel in result.images:
        assert channel[result.organ_mask].mean() == pytest.approx(0, abs=1e-4)
        assert channel[result.organ_mask].std() == pytest.approx(1, abs=1e-3)
        assert not channel[~result.organ_mask].any()


def test_flipped_and_permuted_axes_look_the_same_to_the_network() -> None:
    straight = preprocess_examination("baseline", _sequences(), _mask(), CARD, registration="none")
    turned = [[sitk.DICOMOrient(volume, "ASR") for volume in volumes] for volumes in _sequences()]
    result = preprocess_examination("baseline", turned, _mask(), CARD, registration="none")
    assert np.allclose(result.images, straight.images, atol=1e-4)
    assert Grid.of(turned[0][0]) == result.user_grid


def test_what_is_found_returns_to_the_grid_of_the_first_sequence() -> None:
    sequences = [[sitk.DICOMOrient(volume, "SAL") for volume in volumes] for volumes in _sequences()]
    result = preprocess_examination("baseline", sequences, _mask(), CARD, registration="none")
    found = np.zeros(result.organ_mask.shape, dtype=bool)
    found[7, 20:25, 18:22] = True
    back = return_to_user_grid(found, result.working_grid, result.user_grid, labels=True)
    assert Grid.of(back) == Grid.of(sequences[0][0])
    again = sitk.GetArrayFromImage(sitk.DICOMOrient(back, "LPS")) > 0
    assert np.array_equal(again, found)


def test_a_sequence_with_another_grid_and_pose_is_registered_and_it_is_said() -> None:
    detail = ndimage.zoom(_tissue(), (3, 1, 1), order=1)
    fine = _image(detail, (0.958, 0.958, 1.0))
    move = sitk.Euler3DTransform()
    move.SetTranslation((4.0, -3.0, 0.0))
    t1 = sitk.Resample(900 - fine * 0.8, move, sitk.sitkLinear)
    sequences = [_sequences()[0], [t1]]
    result = preprocess_examination("baseline", sequences, _mask(), CARD)
    assert "The baseline T1 was registered to the first sequence." in result.notes
    inner = ndimage.binary_erosion(result.organ_mask, iterations=3)
    assert np.corrcoef(result.images[0][inner], result.images[1][inner])[0, 1] < -0.8


def test_sequences_that_lie_together_are_not_said_to_be_registered() -> None:
    result = preprocess_examination("baseline", _sequences(), _mask(), CARD)
    assert not any("registered" in note for note in result.notes)


def test_channels_of_one_sequence_can_share_their_scale() -> None:
    card = tiny_card(
        pathways=(Pathway("DCE-MRI", 2), Pathway("DWI", 1)),
        normalization=Normalization(shared_scale=True),
        bias_correction=False,
    )
    first, dwi = _sequences()
    brighter = first[0] * 1.5
    result = preprocess_examination(
        "baseline", [[first[0], brighter], dwi], _mask(), card, registration="none"
    )
    assert result.images[1][result.organ_mask].mean() > result.images[0][result.organ_mask].mean() + 0.5


@pytest.mark.parametrize(
    ("sequences", "problem"),
    [
        (_sequences()[:1], "The baseline has 1 sequence.s. but the model tiny needs FLAIR, T1"),
        ([_sequences()[0] * 2, _sequences()[1]], "The baseline FLAIR has 2 volume.s. but the model tiny"),
    ],
)
def test_what_does_not_fit_the_model_card_is_one_sentence(sequences, problem: str) -> None:
    with pytest.raises(InputError, match=f"^{problem}"):
        preprocess_examination("baseline", sequences, _mask(), CARD)


def test_an_empty_and_a_distant_mask_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^The organ mask of the baseline is empty"):
        preprocess_examination("baseline", _sequences(), _mask() * 0, CARD)
    distant = _mask()
    distant.SetOrigin((400.0, 0.0, 0.0))
    with pytest.raises(InputError, match=r"^The organ mask of the baseline does not overlap its images"):
        preprocess_examination("baseline", _sequences(), distant, CARD)


def test_a_mask_cut_by_the_field_of_view_is_said() -> None:
    shifted = _mask()
    shifted.SetOrigin((20.0, 0.0, 0.0))
    result = preprocess_examination("baseline", _sequences(), shifted, CARD, registration="none")
    assert any("of the organ mask of the baseline lies inside the image" in note for note in result.notes)


def test_an_organ_other_than_the_brain_needs_its_mask() -> None:
    with pytest.raises(InputError, match=r"^The baseline has no liver mask; give one"):
        preprocess_examination("baseline", _sequences(), None, tiny_card(organ="liver"))


def test_normalisation_clips_what_is_far_out() -> None:
    volume = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
    volume[0, 0, 0] = 1e6
    result = normalize(volume, np.ones(volume.shape, dtype=bool))
    assert result.max() < 2
    assert result.std() == pytest.approx(1, abs=1e-5)


def test_a_constant_organ_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^The baseline T1 has the same intensity everywhere"):
        normalize(np.full(SHAPE, 3.0), _organ(), name="baseline T1")


def _brain_like(fluid: float, lesions: float) -> np.ndarray:
    """Tissue near 1, a part of fluid near 0.1 and a part of bright lesions."""
    rng = np.random.default_rng(0)
    values = rng.normal(1, 0.1, 20_000)
    values[: int(fluid * values.size)] = 0.1
    values[values.size - int(lesions * values.size) :] = 2.0
    return values.reshape(20, 10, 100).astype(np.float32)


def test_tissue_stays_in_place_whatever_fluid_and_lesions_the_mask_covers() -> None:
    organ = np.ones((20, 10, 100), dtype=bool)
    how = Normalization(method="tissue")
    scans = [_brain_like(fluid, lesions) for fluid, lesions in ((0.05, 0.0), (0.25, 0.0), (0.05, 0.06))]
    tissue = [np.median(normalized(scan, organ, how)[(scan > 0.5) & (scan < 1.5)]) for scan in scans]
    spread = [np.std(normalized(scan, organ, how)[(scan > 0.5) & (scan < 1.5)]) for scan in scans]
    assert np.ptp(tissue) < 0.1
    assert np.ptp(spread) < 0.1
    z_scores = [np.median(normalize(scan, organ)[(scan > 0.5) & (scan < 1.5)]) for scan in scans]
    assert np.ptp(z_scores) > 0.3


def test_scaling_by_tissue_does_not_clip_lesions_of_a_high_load() -> None:
    scan = _brain_like(0.1, 0.1)
    result = normalized(scan, np.ones(scan.shape, dtype=bool), Normalization(method="tissue"))
    assert result[scan == 2].min() > 3


def test_tissue_without_contrast_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^The baseline T1 has the same intensity everywhere"):
        normalized(np.full(SHAPE, 3.0), _organ(), Normalization(method="tissue"), name="baseline T1")


def test_n4_flattens_a_bias_field() -> None:
    shape = (16, 64, 64)
    z, y, x = np.indices(shape)
    inside = ((z - 8) / 7.5) ** 2 + ((y - 32) / 28) ** 2 + ((x - 32) / 28) ** 2 < 1
    tissue = np.where(ndimage.gaussian_filter(np.random.default_rng(1).random(shape), 2) > 0.5, 100, 140)
    field = np.exp(0.5 * (x - 32) / 32)
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing((2, 2, 3))
    image = sitk.GetImageFromArray((tissue * field * inside).astype(np.float32))
    image.SetSpacing((2, 2, 3))
    corrected = sitk.GetArrayFromImage(correct_bias_field(image, mask))

    def unevenness(values: np.ndarray) -> float:
        left, right = values[inside & (x < 24)], values[inside & (x > 40)]
        return abs(np.log(np.median(right) / np.median(left)))

    assert unevenness(corrected) < 0.3 * unevenness(tissue * field)


def _head(*, skull: bool) -> tuple[sitk.Image, np.ndarray]:
    """A brain of 1.3 litres, with or without fluid, bone and scalp around it; 2 mm x 2 mm x 3 mm."""
    shape = (64, 120, 110)
    z, y, x = np.indices(shape)
    radius = np.sqrt(((z - 32) * 3 / 62) ** 2 + ((y - 60) * 2 / 82) ** 2 + ((x - 55) * 2 / 64) ** 2)
    brain = radius < 1
    image = np.where(brain, 400.0, 0.0)
    if skull:
        image[(radius >= 1.0) & (radius < 1.10)] = 90
        image[(radius >= 1.18) & (radius < 1.27)] = 600
    noise = np.random.default_rng(2).normal(0, 12, shape)
    image = np.abs(image + noise) if skull else np.where(brain, image + noise, 0)
    return _image(image, (2.0, 2.0, 3.0)), brain


@pytest.mark.parametrize("skull", [False, True])
def test_the_brain_is_found_with_and_without_skull(skull: bool) -> None:
    image, brain = _head(skull=skull)
    found = sitk.GetArrayFromImage(estimate_brain_mask(image)) > 0
    assert 2 * (found & brain).sum() / (found.sum() + brain.sum()) > 0.95


def test_an_estimated_mask_is_said() -> None:
    image, _ = _head(skull=False)
    result = preprocess_examination("followup", [[image], [image * 0.5 + 3]], None, CARD, registration="none")
    assert any("The brain mask of the followup was estimated" in note for note in result.notes)


def test_something_much_smaller_than_a_brain_is_refused() -> None:
    with pytest.raises(InputError, match=r"^No brain was found in the baseline FLAIR; give a brain mask"):
        estimate_brain_mask(_image(_tissue()), name="baseline FLAIR")
