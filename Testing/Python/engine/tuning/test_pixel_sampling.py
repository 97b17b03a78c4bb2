"""Drawn pixels stand for all pixels: sums stay unbiased, telling pixels come first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PatientSpecificTuningLib.engine.tuning.pixel_sampling import sample_pixels


@given(
    pixels=st.integers(0, 300),
    telling=st.integers(0, 300),
    count=st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_factors_add_up_to_the_number_of_pixels_and_no_pixel_is_drawn_twice(pixels, telling, count, seed):
    mask = np.arange(pixels) < telling
    indices, factors = sample_pixels(mask, count, np.random.default_rng(seed))
    assert len(indices) == min(count, pixels)
    assert len(np.unique(indices)) == len(indices)
    # With one place for two kinds, one of them cannot be drawn.
    if count > 1:
        np.testing.assert_allclose(factors.sum(), pixels, rtol=1e-5)


def test_everything_is_taken_where_there_is_room():
    indices, factors = sample_pixels(np.array([True, False, True]), 3, np.random.default_rng(0))
    assert indices.tolist() == [0, 1, 2]
    assert factors.tolist() == [1, 1, 1]


def test_telling_pixels_get_half_of_the_places_and_all_of_them_where_they_are_few():
    rng = np.random.default_rng(0)
    many = np.arange(1000) < 500
    few = np.arange(1000) < 10
    assert (sample_pixels(many, 100, rng)[0] < 500).sum() == 50
    assert (sample_pixels(few, 100, rng)[0] < 10).sum() == 10


def test_weighted_sums_over_drawn_pixels_are_unbiased():
    rng = np.random.default_rng(1)
    losses = rng.exponential(size=400)
    telling = losses > np.quantile(losses, 0.9)
    estimates = []
    for _ in range(3000):
        indices, factors = sample_pixels(telling, 60, rng)
        estimates.append((losses[indices] * factors).sum())
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - losses.sum()) < 4 * error
