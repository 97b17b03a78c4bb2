"""Whatever grid the user's volume has, what is found on the working grid returns to the same place in the patient."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.geometry import check_geometry
from PatientSpecificTuningLib.engine.images.geometry import resample
from PatientSpecificTuningLib.engine.images.geometry import resample_labelmap
from PatientSpecificTuningLib.engine.images.geometry import return_to_user_grid
from PatientSpecificTuningLib.engine.images.geometry import working_grid

PERMUTATIONS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Grids with any axis order and flips, oblique by up to 30 degrees, with unequal spacing."""
    size = draw(st.tuples(*[st.integers(14, 26)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.5, 3.0)] * 3))
    origin = draw(st.tuples(*[st.floats(-200, 200)] * 3))
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.deg2rad(draw(st.tuples(*[st.integers(-30, 30)] * 3))).tolist())
    axes = np.array(turn.GetMatrix()).reshape(3, 3)[:, list(draw(st.sampled_from(PERMUTATIONS)))]
    axes = axes * np.array(draw(st.tuples(*[st.sampled_from([-1, 1])] * 3)))
    return Grid(size, spacing, origin, tuple(axes.ravel().tolist()))


@given(grids())
@settings(max_examples=40, deadline=None)
def test_a_ball_keeps_its_centre_and_volume_through_the_working_grid(user: Grid) -> None:
    image = _ball(user)
    working = working_grid(image, 1.0)
    there = sitk.GetArrayFromImage(resample_labelmap(image, working))
    back = return_to_user_grid(there, working, user, labels=True)
    assert Grid.of(back) == Grid.of(image)
    voxel = max(*user.spacing, *working.spacing)
    assert np.linalg.norm(_centre(back) - _centre(image)) < 0.35 * voxel


@given(grids())
@settings(max_examples=40, deadline=None)
def test_the_working_grid_covers_the_volume_with_axial_slices(user: Grid) -> None:
    image = _ball(user)
    working = working_grid(image, 1.0)
    axes = working.axes
    assert np.linalg.det(axes) == pytest.approx(1)
    assert (axes.diagonal() > 0.5).all()
    assert all(abs(s / 1.0 - 1) <= 0.021 for s in working.spacing[:2])
    empty = working.image(np.zeros(working.shape, np.uint8))
    for corner in user.corners():
        index = np.array(empty.TransformPhysicalPointToContinuousIndex(corner.tolist()))
        assert (index > -1.01).all()
        assert (index < np.array(working.size) + 0.01).all()


@given(grids())
@settings(max_examples=20, deadline=None)
def test_a_grid_survives_json(grid: Grid) -> None:
    assert Grid.from_dict(grid.to_dict()) == grid


def test_pixels_near_the_models_size_are_not_resampled() -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((4, 10, 12)).astype(np.float32))
    image.SetSpacing((0.97, 0.95, 3.0))
    working = working_grid(image, 0.958)
    assert np.array_equal(sitk.GetArrayFromImage(resample(image, working)), sitk.GetArrayFromImage(image))


def test_slice_spacing_stays_as_it_is() -> None:
    image = sitk.Image((20, 20, 9), sitk.sitkFloat32)
    image.SetSpacing((0.5, 0.5, 5.5))
    assert working_grid(image, 0.958).spacing == pytest.approx((0.958, 0.958, 5.5))


def test_fine_stripes_do_not_alias_on_a_coarser_grid() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (4, 64, 32))
    fine = sitk.GetImageFromArray(stripes)
    fine.SetSpacing((0.25, 0.25, 3.0))
    coarse = sitk.GetArrayFromImage(resample(fine, working_grid(fine, 1.0)))[:, 3:-3, 3:-3]
    assert coarse.std() < 0.05
    assert coarse.mean() == pytest.approx(0.5, abs=0.05)


def test_a_grid_is_not_the_same_as_one_that_is_turned_a_little() -> None:
    image = sitk.Image((50, 50, 20), sitk.sitkUInt8)
    turned = sitk.Image(image)
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0, 0, 0.001)
    turned.SetDirection(turn.GetMatrix())
    assert Grid.of(image).same_as(Grid.of(image))
    assert not Grid.of(image).same_as(Grid.of(turned))


def test_sheared_axes_are_refused_in_one_sentence() -> None:
    image = sitk.Image((4, 4, 4), sitk.sitkFloat32)
    image.SetDirection((1, 0, 0, 0, 1, 0.3, 0, 0, 1))
    with pytest.raises(InputError, match=r"^The baseline FLAIR has axes that are not at right angles"):
        check_geometry(image, "baseline FLAIR")


def _ball(grid: Grid) -> sitk.Image:
    empty = grid.image(np.zeros(grid.shape, np.uint8))
    centre = np.array(empty.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in grid.size]))
    # Wide enough that no grid of the same spacing can lose it.
    radius = max(0.35 * min(np.array(grid.size) * grid.spacing), 1.5 * max(grid.spacing))
    z, y, x = np.indices(grid.shape)
    points = np.asarray(grid.origin) + (np.stack([x, y, z], axis=-1) * grid.spacing) @ grid.axes.T
    return grid.image((np.linalg.norm(points - centre, axis=-1) <= radius).astype(np.uint8))


def _centre(image: sitk.Image) -> np.ndarray:
    indices = np.argwhere(sitk.GetArrayFromImage(image))
    return np.array(image.TransformContinuousIndexToPhysicalPoint(indices.mean(axis=0)[::-1].tolist()))
