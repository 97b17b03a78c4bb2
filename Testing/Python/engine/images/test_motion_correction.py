"""Breathing between the phases of a series is found by their principal components and undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images import motion_correction
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.motion_correction import correct_motion
from PatientSpecificTuningLib.engine.images.motion_correction import corrected_sequences
from PatientSpecificTuningLib.engine.images.motion_correction import pca_dissimilarity
from PatientSpecificTuningLib.engine.model.card import Pathway
from scipy import ndimage

SHAPE, SPACING = (20, 40, 44), (3.0, 3.0, 3.0)
# Slices that the organ moves up, by phase; the second phase is the key.
SHIFTS = (2.0, 0.0, -1.5, 3.0, 0.0)
KEY = 1
CURVE, LESION_CURVE = (0.0, 0.2, 1.0, 0.8, 0.6), (0.0, 0.6, 0.2, 0.2, 0.2)
# Every axis of the image lies along another axis of the patient.
DIRECTION = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def _phantom(shifts: tuple[float, ...] = SHIFTS) -> tuple[list[sitk.Image], sitk.Image, np.ndarray]:
    """Volumes of an enhancing organ with a lesion, its mask, and the volumes without motion as an array."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices((SHAPE[0] + 8, *SHAPE[1:]))
    texture = ndimage.gaussian_filter(rng.standard_normal(z.shape), 1.5)
    organ = ((z - 14) / 8) ** 2 + ((y - 20) / 14) ** 2 + ((x - 22) / 15) ** 2 < 1
    lesion = ((z - 14) / 3) ** 2 + ((y - 23) / 4) ** 2 + ((x - 18) / 4) ** 2 < 1
    still = np.where(organ, 100 + 15 * texture / texture.std(), 30)
    phases = [
        still * (1 + 0.8 * (a * (organ & ~lesion) + b * lesion))
        for a, b in zip(CURVE, LESION_CURVE, strict=True)
    ]
    noise = rng.normal(0, 2, (len(phases), *SHAPE))
    moved = [
        ndimage.shift(p, (s, 0, 0), order=1, mode="nearest") for p, s in zip(phases, shifts, strict=True)
    ]
    volumes = [_image(volume[4:-4] + extra) for volume, extra in zip(moved, noise, strict=True)]
    mask = sitk.Cast(_image(organ[4:-4]), sitk.sitkUInt8)
    return volumes, mask, np.stack([phase[4:-4] for phase in phases])


def _image(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing(SPACING)
    image.SetOrigin((7.0, -20.0, 30.0))
    image.SetDirection(DIRECTION)
    return image


@pytest.fixture(scope="module")
def elastix() -> Iterator[None]:
    """elastix with fewer iterations than a patient needs; the test is skipped where it is not installed."""
    try:
        motion_correction.require_elastix("DCE")
    except InputError as absent:
        pytest.skip(str(absent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion_correction, "_ITERATIONS", 40)
        patch.setattr(motion_correction, "_SAMPLES", 1000)
        yield


@pytest.fixture(scope="module")
def corrected(elastix: None) -> tuple[list[sitk.Image], float]:
    volumes, mask, _ = _phantom()
    return correct_motion(volumes, mask, key=KEY)


def _organ_of(mask: sitk.Image) -> np.ndarray:
    return ndimage.binary_erosion(sitk.GetArrayFromImage(mask) > 0, iterations=2)


@pytest.mark.long
def test_known_shifts_are_undone_towards_the_key_volume(corrected) -> None:
    volumes, mask, still = _phantom()
    inside = _organ_of(mask)
    before = np.stack([sitk.GetArrayFromImage(volume)[inside] for volume in volumes]) - still[:, inside]
    after = np.stack([sitk.GetArrayFromImage(volume)[inside] for volume in corrected[0]]) - still[:, inside]
    moving = np.flatnonzero(SHIFTS)
    residual = after[moving].std(axis=1) / before[moving].std(axis=1)
    assert (residual < 0.5).all()


@pytest.mark.long
def test_the_motion_that_is_told_is_the_largest_shift_in_millimetres(corrected) -> None:
    assert corrected[1] == pytest.approx(max(SHIFTS) * SPACING[2], rel=0.15)


@pytest.mark.long
def test_the_key_volume_and_every_grid_stay_as_they_are(corrected) -> None:
    volumes, _, _ = _phantom()
    assert np.array_equal(
        sitk.GetArrayViewFromImage(corrected[0][KEY]), sitk.GetArrayViewFromImage(volumes[KEY])
    )
    assert {Grid.of(volume) for volume in corrected[0]} == {Grid.of(volumes[0])}


@pytest.mark.long
def test_a_series_that_lies_still_comes_back_unchanged_and_leaves_no_file(
    elastix: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    volumes, mask, _ = _phantom((0.0,) * len(SHIFTS))
    result, motion = correct_motion(volumes, mask, key=KEY)
    assert motion == 0
    assert all(new is old for new, old in zip(result, volumes, strict=True))
    assert not list(tmp_path.iterdir())


def test_dissimilarity_runs_from_one_component_to_as_many_as_volumes() -> None:
    rng = np.random.default_rng(1)
    one = rng.standard_normal(5000)
    assert pca_dissimilarity(np.stack([one, 2 * one + 3, 0.5 * one])) == pytest.approx(0, abs=1e-6)
    assert pca_dissimilarity(rng.standard_normal((3, 5000))) > 0.9
    assert pca_dissimilarity(np.stack([one, np.ones_like(one)])) == 0


def test_motion_makes_a_series_less_similar_than_enhancement_does() -> None:
    mask = _organ_of(_phantom()[1])
    still, moving = (
        pca_dissimilarity(np.stack([sitk.GetArrayFromImage(v)[mask] for v in _phantom(shifts)[0]]))
        for shifts in ((0.0,) * len(SHIFTS), SHIFTS)
    )
    assert moving > still + 0.1


CARD = tiny_card(
    pathways=(Pathway("DCE", 4, motion_correction="groupwise"), Pathway("DWI", 3), Pathway("T2"))
)


@pytest.mark.parametrize(("option", "sequences"), [(None, ("DCE",)), ("none", ()), ("groupwise", ("DCE",))])
def test_the_option_overrides_what_the_card_says(option: str | None, sequences: tuple[str, ...]) -> None:
    assert corrected_sequences(CARD, option) == sequences


def test_the_option_asks_for_the_first_sequence_and_the_card_for_any() -> None:
    still = tiny_card(pathways=(Pathway("DCE", 4), Pathway("DWI", 3)))
    assert corrected_sequences(still) == ()
    assert corrected_sequences(still, "groupwise") == ("DCE",)
    both = tiny_card(pathways=(Pathway("DCE", 4), Pathway("DWI", 3, motion_correction="groupwise")))
    assert corrected_sequences(both, "groupwise") == ("DCE", "DWI")


def test_an_unknown_motion_correction_is_one_sentence() -> None:
    with pytest.raises(InputError, match="use none or groupwise"):
        corrected_sequences(CARD, "pairwise")


def test_without_itk_elastix_one_sentence_names_the_package_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(motion_correction, "PACKAGE", "itk-elastix-that-nobody-has")
    with pytest.raises(InputError, match=r"install it with pip, or go on .* --motion-correction none"):
        motion_correction.require_elastix("DCE")
