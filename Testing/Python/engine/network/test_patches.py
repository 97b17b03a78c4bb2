"""Patches come from the organ, overlap, rotate about their centre and have no empty corners."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PatientSpecificTuningLib.engine.network.patches import Window
from PatientSpecificTuningLib.engine.network.patches import corner_and_centre_windows
from PatientSpecificTuningLib.engine.network.patches import cut_patch
from PatientSpecificTuningLib.engine.network.patches import grid_windows


def organ(first_row, last_row, first_column, last_column, shape=(240, 240)):
    mask = np.zeros(shape, dtype=bool)
    mask[first_row:last_row, first_column:last_column] = True
    return mask


def test_twenty_five_overlapping_windows_cover_the_organ():
    mask = organ(20, 220, 30, 210)
    windows = grid_windows(mask)
    covered = np.zeros_like(mask)
    for window in windows:
        covered[window.row : window.row + 128, window.column : window.column + 128] = True
    assert len(set(windows)) == 25
    assert covered[mask].all()


def test_five_windows_are_the_corners_and_the_centre_of_the_organ():
    windows = corner_and_centre_windows(organ(20, 220, 30, 210))
    assert {(w.row, w.column) for w in windows} == {(20, 30), (20, 82), (92, 30), (92, 82), (56, 56)}


@given(st.integers(0, 100), st.integers(101, 239), st.integers(0, 100), st.integers(101, 239))
def test_windows_stay_on_an_organ_that_is_larger_than_they_are_and_centre_on_a_smaller_one(r0, r1, c0, c1):
    for window in grid_windows(organ(r0, r1, c0, c1)) + corner_and_centre_windows(organ(r0, r1, c0, c1)):
        if r1 - r0 >= 128:
            assert r0 <= window.row <= r1 - 128
        else:
            assert abs(window.centre[0] - (r0 + r1 - 1) / 2) <= 1
        if c1 - c0 >= 128:
            assert c0 <= window.column <= c1 - 128


def test_slice_without_organ_has_no_windows():
    with pytest.raises(ValueError, match="no organ"):
        grid_windows(np.zeros((10, 10), dtype=bool))


def test_unrotated_patch_is_the_slice_itself():
    image = np.random.default_rng(0).normal(size=(2, 60, 70)).astype(np.float32)
    patch = cut_patch(image, Window(5, 9, 32))
    np.testing.assert_allclose(patch, image[:, 5:37, 9:41], atol=1e-6)


def test_rotation_by_ninety_degrees_turns_the_patch_about_its_centre():
    image = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    patch = cut_patch(image, Window(4, 6, 32), degrees=90)
    straight = image[4:36, 6:38]
    assert np.allclose(patch, np.rot90(straight), atol=1e-4) or np.allclose(
        patch, np.rot90(straight, -1), atol=1e-4
    )


def test_rotated_patch_inside_the_slice_has_no_empty_corner():
    patch = cut_patch(np.ones((200, 200), dtype=np.float32), Window(36, 36, 128), degrees=45)
    np.testing.assert_allclose(patch, 1, atol=1e-5)


def test_labels_stay_binary_under_rotation():
    labels = np.zeros((80, 80), dtype=bool)
    labels[30:45, 30:45] = True
    patch = cut_patch(labels, Window(8, 8, 64), degrees=33, order=0)
    assert set(np.unique(patch)) == {0.0, 1.0}


def test_window_that_leaves_the_slice_is_zero_outside():
    patch = cut_patch(np.ones((50, 50), dtype=np.float32), Window(-10, 0, 32))
    assert (patch[:10] == 0).all()
    np.testing.assert_allclose(patch[10:], 1, atol=1e-6)
