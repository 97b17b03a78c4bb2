"""How much a lesion's extent differs between dropout samples: one minus the mean intersection over union."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.lesions.extent_uncertainty import REACH_MM
from PatientSpecificTuningLib.engine.lesions.extent_uncertainty import ExtentCounter
from PatientSpecificTuningLib.engine.lesions.extent_uncertainty import lesion_zones
from scipy import ndimage

SAMPLING = (3.0, 1.0, 1.0)


def _labels() -> np.ndarray:
    labels = np.zeros((1, 20, 40), dtype=np.int32)
    labels[0, 5:15, 5:15] = 1
    labels[0, 8:12, 25:29] = 2
    return labels


def _uncertainty(labels: np.ndarray, samples: list[np.ndarray]) -> np.ndarray:
    zones = lesion_zones(labels, SAMPLING).ravel()
    counter = ExtentCounter(zones, int(labels.max()), 0.5, len(samples))
    plain = (labels > 0).astype(np.float32).ravel()
    values = np.stack([sample.astype(np.float32).ravel() for sample in samples])
    rows = np.arange(zones.size)
    # In two parts, as voxels come in chunks.
    for part in (rows[:300], rows[300:]):
        counter.add(part, plain[part], values[:, part])
    return counter.uncertainty()


def test_zones_are_those_of_a_distance_taken_everywhere() -> None:
    labels = np.zeros((9, 30, 40), dtype=np.int32)
    labels[4:6, 10:15, 0:15] = 1
    labels[5, 13:16, 17:24] = 2
    distance, nearest = ndimage.distance_transform_edt(labels == 0, sampling=SAMPLING, return_indices=True)
    wanted = np.where(distance <= REACH_MM, labels[tuple(nearest)], 0)
    assert np.array_equal(lesion_zones(labels, SAMPLING), wanted)
    assert (wanted > 0).sum() > 2 * (labels > 0).sum()


def test_a_lesion_that_is_the_same_in_every_sample_is_certain() -> None:
    labels = _labels()
    assert _uncertainty(labels, [labels > 0] * 3) == pytest.approx([0.0, 0.0])


def test_a_lesion_that_is_half_as_large_in_every_sample_has_one_half() -> None:
    labels = _labels()
    smaller = labels > 0
    smaller[0, 5:10, 5:15] = False
    assert _uncertainty(labels, [smaller] * 3) == pytest.approx([0.5, 0.0])


def test_a_lesion_that_is_gone_in_every_sample_has_one() -> None:
    labels = _labels()
    assert _uncertainty(labels, [labels == 1] * 2) == pytest.approx([0.0, 1.0])


def test_the_mean_over_samples_is_taken() -> None:
    labels = _labels()
    assert _uncertainty(labels, [labels > 0, labels == 1])[1] == pytest.approx(0.5)


def test_a_sample_that_finds_more_round_a_lesion_makes_it_uncertain_but_not_its_neighbour() -> None:
    labels = _labels()
    larger = labels > 0
    larger[0, 4:16, 4:16] = True
    assert _uncertainty(labels, [larger]) == pytest.approx([1 - 100 / 144, 0.0])


def test_what_a_sample_finds_far_away_counts_to_no_lesion() -> None:
    labels = _labels()
    elsewhere = labels > 0
    elsewhere[0, 0:3, 35:40] = True
    assert _uncertainty(labels, [elsewhere]) == pytest.approx([0.0, 0.0])


def test_voxels_that_are_alike_in_all_samples_count_in_each() -> None:
    labels = _labels()
    zones = lesion_zones(labels, SAMPLING).ravel()
    plain = (labels > 0).astype(np.float32).ravel()
    counter = ExtentCounter(zones, 2, 0.5, 4)
    rows = np.arange(zones.size)
    counter.add(rows, plain, plain[None])
    assert counter.uncertainty() == pytest.approx([0.0, 0.0])
    assert (counter.both[:, 1:] == [100, 16]).all()


def test_a_lesion_that_no_voxel_reaches_the_threshold_for_is_not_known() -> None:
    zones = np.array([1, 1, 2], dtype=np.int32)
    counter = ExtentCounter(zones, 3, 0.5, 1)
    counter.add(np.arange(3), np.array([0.9, 0.9, 0.1]), np.array([[0.9, 0.1, 0.1]]))
    assert counter.uncertainty() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
