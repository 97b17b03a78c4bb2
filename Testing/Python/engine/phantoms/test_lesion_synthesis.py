"""Pasted lesions are bright in FLAIR, dark in T1, labelled where they are and absent from fluid."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import LesionAppearance
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import paste_lesions

SHAPE = (8, 40, 40)


@pytest.fixture
def pasted():
    flair = np.ones(SHAPE, dtype=np.float32)
    flair[:, :, 25:] = 0.3
    occupancy = np.zeros(SHAPE, dtype=np.float32)
    occupancy[3:5, 10:18, 18:30] = 1
    appearance = LesionAppearance()
    changed = paste_lesions(
        flair, np.ones_like(flair), occupancy, (1, 1, 3), appearance, np.random.default_rng(0)
    )
    return flair, *changed


def test_lesions_are_brighter_in_flair_and_darker_in_t1(pasted):
    flair, new_flair, new_t1, labels = pasted
    assert (new_flair[labels] > flair[labels] + 0.1).all()
    assert (new_t1[labels] < 1).all()


def test_fluid_takes_no_lesion(pasted):
    assert not pasted[3][:, :, 25:].any()


def test_halo_fades_with_distance_and_is_not_labelled(pasted):
    flair, new_flair, _, labels = pasted
    added = (new_flair - flair)[3, 14, :18][::-1]
    assert not labels[3, 14, :18].any()
    assert added[0] > added[5] > added[12] >= 0


def test_same_seed_gives_the_same_lesions():
    flair = np.ones(SHAPE, dtype=np.float32)
    occupancy = np.zeros(SHAPE, dtype=np.float32)
    occupancy[3, 10:14, 10:14] = 1
    first, second = (
        paste_lesions(flair, flair, occupancy, (1, 1, 3), LesionAppearance(), np.random.default_rng(5))[0]
        for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_empty_occupancy_changes_nothing():
    flair = np.ones(SHAPE, dtype=np.float32)
    result = paste_lesions(flair, flair, flair * 0, (1, 1, 3), LesionAppearance(), np.random.default_rng(0))
    assert np.array_equal(result[0], flair)
    assert not result[2].any()
