"""Images of one patient are brought together, and those that lie together already are left alone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images import registration
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.registration import align
from scipy import ndimage


@pytest.fixture(scope="module")
def head() -> sitk.Image:
    """A smooth, uneven object of several intensities, 2 mm voxels."""
    rng = np.random.default_rng(4)
    shape = (40, 48, 44)
    texture = ndimage.gaussian_filter(rng.standard_normal(shape), 3)
    z, y, x = np.indices(shape)
    inside = ((z - 20) / 16) ** 2 + ((y - 25) / 20) ** 2 + ((x - 22) / 15) ** 2 < 1
    values = np.where(inside, 300 + 100 * np.digitize(texture, np.quantile(texture, [0.3, 0.6, 0.85])), 20)
    image = sitk.GetImageFromArray((values + rng.normal(0, 5, shape)).astype(np.float32))
    image.SetSpacing((2.0, 2.0, 2.0))
    return image


def _moved(image: sitk.Image, angles: tuple[float, ...], shift: tuple[float, ...]) -> sitk.Image:
    turn = sitk.Euler3DTransform()
    turn.SetCenter(image.TransformContinuousIndexToPhysicalPoint([n / 2 for n in image.GetSize()]))
    turn.SetRotation(*angles)
    turn.SetTranslation(shift)
    return sitk.Resample(image, turn, sitk.sitkLinear, 20.0)


def _other_contrast(image: sitk.Image) -> sitk.Image:
    return sitk.Sqrt(sitk.Abs(image - 520.0)) * 10


def _is_identity(transform: sitk.Transform) -> bool:
    return transform.GetTransformEnum() == sitk.sitkIdentity


def test_a_known_motion_is_found_across_contrasts(head: sitk.Image) -> None:
    moving = _other_contrast(_moved(head, (0.05, -0.03, 0.08), (5, -4, 3)))
    found = align(moving, head)
    truth = sitk.Euler3DTransform()
    truth.SetCenter(head.TransformContinuousIndexToPhysicalPoint([n / 2 for n in head.GetSize()]))
    truth.SetRotation(0.05, -0.03, 0.08)
    truth.SetTranslation((5, -4, 3))
    points = Grid.of(head).corners()
    errors = [
        np.linalg.norm(np.subtract(truth.TransformPoint(found.TransformPoint(p.tolist())), p)) for p in points
    ]
    assert np.mean(errors) < 1.5


def test_images_that_lie_together_are_left_alone(head: sitk.Image) -> None:
    assert _is_identity(align(_other_contrast(head), head))


def test_the_same_image_needs_no_search(head: sitk.Image) -> None:
    assert _is_identity(align(head, head))


def test_a_far_origin_does_not_matter(head: sitk.Image) -> None:
    moving = sitk.Image(head)
    moving.SetOrigin((500.0, -300.0, 800.0))
    found = align(moving, head)
    errors = [
        np.linalg.norm(np.subtract(found.TransformPoint(p.tolist()), p) - (500, -300, 800))
        for p in Grid.of(head).corners()
    ]
    assert np.mean(errors) < 1.5


def test_the_result_repeats_exactly(head: sitk.Image) -> None:
    moving = _moved(head, (0.02, 0.02, 0), (3, 0, 2))
    assert align(moving, head).GetParameters() == align(moving, head).GetParameters()


@pytest.mark.long
def test_b_splines_follow_a_deformation(head: sitk.Image) -> None:
    mesh = sitk.BSplineTransformInitializer(head, [2, 2, 2])
    rng = np.random.default_rng(0)
    mesh.SetParameters(rng.uniform(-12, 12, len(mesh.GetParameters())).tolist())
    moving = sitk.Resample(head, mesh, sitk.sitkLinear, 20.0)

    def disagreement(transform: sitk.Transform) -> float:
        back = sitk.Resample(moving, head, transform, sitk.sitkLinear, 20.0)
        return float(np.abs(sitk.GetArrayFromImage(back - head)).mean())

    assert disagreement(align(moving, head, method="bspline")) < 0.85 * disagreement(align(moving, head))


def test_images_apart_are_refused_when_nothing_may_move(head: sitk.Image) -> None:
    moving = sitk.Image(head)
    moving.SetOrigin((500.0, 0.0, 0.0))
    with pytest.raises(InputError, match=r"^The followup T1 image covers only 0% of the first image"):
        align(moving, head, method="none", name="followup T1 image")


def test_an_unknown_method_is_refused(head: sitk.Image) -> None:
    with pytest.raises(InputError, match="use one of rigid, bspline, none"):
        align(head, head, method="affine")


def test_both_searches_are_those_that_run_one_after_the_other(head: sitk.Image) -> None:
    """The images are shared by two threads, and a result must repeat exactly."""
    fixed, moving = head, _other_contrast(_moved(head, (0.05, -0.03, 0.08), (5, -4, 3)))
    mask = sitk.Cast(head > 200, sitk.sitkUInt8)
    start = sitk.Euler3DTransform()
    with registration._one_thread():
        together = registration._searched(start, moving, fixed, mask, None)
        alone = [
            registration._rigid(start, moving, fixed, where, None)
            for where in (None, registration._widened(mask))
        ]
    assert [found.GetParameters() for found in together] == [found.GetParameters() for found in alone]


@pytest.mark.parametrize("calls", [1, 5])
def test_cancelling_ends_both_searches(head: sitk.Image, calls: int) -> None:
    mask = sitk.Cast(head > 200, sitk.sitkUInt8)
    heard = []

    def progress(_stage: str, fraction: float) -> None:
        heard.append(fraction)
        if len(heard) == calls:
            message = "enough"
            raise Cancelled(message)

    with pytest.raises(Cancelled):
        align(_moved(head, (0.05, 0, 0), (5, 0, 0)), head, fixed_mask=mask, progress=progress)
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_progress_of_two_searches_only_grows(head: sitk.Image) -> None:
    mask = sitk.Cast(head > 200, sitk.sitkUInt8)
    heard: list[float] = []
    moving = _moved(head, (0.05, 0, 0), (5, 0, 0))
    align(moving, head, fixed_mask=mask, progress=lambda _stage, fraction: heard.append(fraction))
    assert heard == sorted(heard)
    assert heard[-1] == 1
