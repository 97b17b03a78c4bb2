"""The difference of two images in units of its noise: what changed stands out, noise, shading and the outside do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import tiny_card
from PatientSpecificTuningLib.engine.lesions.brightening import bright_channel
from PatientSpecificTuningLib.engine.lesions.brightening import brightening
from PatientSpecificTuningLib.engine.model.card import Pathway
from scipy import ndimage

SHAPE, SPACING = (12, 60, 60), (1.0, 1.0, 3.0)
LESION = (slice(5, 7), slice(28, 33), slice(28, 33))


def scan(seed: int, *, noise: float = 0.2, shading: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slow = ndimage.gaussian_filter(rng.standard_normal(SHAPE), (8, 25, 25))
    return (noise * rng.standard_normal(SHAPE) + shading * slow / slow.std()).astype(np.float32)


def with_lesion(image: np.ndarray, contrast: float) -> np.ndarray:
    image = image.copy()
    image[LESION] += contrast
    return image


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_a_new_lesion_is_brighter_by_its_contrast_in_units_of_the_noise(noise: float) -> None:
    changed = brightening(scan(1, noise=noise), with_lesion(scan(2, noise=noise), 1.0), SPACING)
    unchanged = brightening(scan(1, noise=noise), scan(2, noise=noise), SPACING)
    assert unchanged.std() == pytest.approx(1, abs=0.1)
    # A blur of a millimetre leaves a third of the noise of a difference of two images.
    assert (changed - unchanged)[5, 30, 30] == pytest.approx(1 / (noise * np.sqrt(2) * 0.29), rel=0.2)
    lost = brightening(with_lesion(scan(2, noise=noise), 1.0), scan(1, noise=noise), SPACING)
    assert np.allclose(lost, -changed, atol=1e-4)


def test_shading_of_the_scanner_is_no_brightening() -> None:
    even = brightening(scan(1), with_lesion(scan(2), 1.0), SPACING)
    shaded = brightening(scan(1, shading=0.5), with_lesion(scan(2, shading=0.5), 1.0), SPACING)
    assert shaded[LESION].mean() > 0.7 * even[LESION].mean()


def test_nothing_is_said_of_what_one_examination_does_not_show() -> None:
    before, after = scan(1), with_lesion(scan(2), 5.0)
    before[:, :31] = np.nan
    found = brightening(before, after, SPACING)
    assert not found[:, :31].any()
    assert found[5, 32, 30] > 4
    assert not brightening(np.full(SHAPE, np.nan, np.float32), after, SPACING).any()
    assert not brightening(after, after, SPACING).any()


def test_the_channel_of_bright_lesions_is_the_flair_wherever_it_stands() -> None:
    card = tiny_card()
    assert bright_channel(card) == 0
    series = replace(card, pathways=(Pathway("DWI", channels=3), Pathway("FLAIR")))
    assert bright_channel(series) == 3
    assert bright_channel(replace(card, pathways=(Pathway("DCE", channels=3), Pathway("DWI")))) is None
