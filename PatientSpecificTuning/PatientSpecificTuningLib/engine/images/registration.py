"""Bringing one image of an examination onto another: rigid, then optionally B-spline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..model.card import REGISTRATIONS
from ..progress import Progress
from ..progress import part
from ..side_by_side import side_by_side
from .geometry import Grid
from .itk_progress import execute

# An image that is aligned already must not be blurred by a needless interpolation.
SMALLEST_MOTION_MM = 0.5
SMALLEST_GAIN = 0.02
LEAST_OVERLAP = 0.25
MARGIN_MM = 10.0
# More samples only take longer to say which of two transforms is better.
MOST_COMPARED = 500_000
_SEED = 1
_RIGID_ITERATIONS = 150
_BSPLINE_ITERATIONS = 40


def align(
    moving: sitk.Image,
    fixed: sitk.Image,
    *,
    method: str = "rigid",
    fixed_mask: sitk.Image | None = None,
    name: str = "moving image",
    progress: Progress | None = None,
) -> sitk.Transform:
    """Find where points of `fixed` lie in `moving`, by mutual information (Mattes) over three resolutions.

    The identity is returned when the images are aligned already: when the motion found is below half a
    millimetre, or improves mutual information by less than two per cent. The result repeats exactly.

    Args:
        moving: float32.
        fixed: float32.
        method: "rigid", "bspline" (rigid first), or "none" for the identity.
        fixed_mask: uint8 0/1, where to compare; None for everywhere.
        name: what error messages call the moving image.

    Returns:
        transform from points of `fixed` to points of `moving`, ready for resampling.

    Raises:
        InputError: the images cannot be brought together, or the method is not known.
    """
    if method not in REGISTRATIONS:
        message = f"The registration {method!r} is not known; use one of {', '.join(REGISTRATIONS)}."
        raise InputError(message)
    identity = sitk.Transform(3, sitk.sitkIdentity)
    if method == "none" or _identical(moving, fixed):
        _require_overlap(identity, moving, fixed, name)
        return identity
    stage = f"Aligning the {name}"
    middle = 0.5 if method == "bspline" else 1.0
    if progress is not None:
        progress(stage, 0.0)
    with _one_thread():
        rigid = _best_rigid(moving, fixed, fixed_mask, name, part(progress, 0, middle, stage))
        found: sitk.Transform = identity if _is_aligned(rigid, moving, fixed, fixed_mask) else rigid
        # An optimiser that ran away from images that lie on each other found nothing.
        if _overlap(found, moving, fixed) < _overlap(identity, moving, fixed) / 2:
            found = identity
        if method == "bspline":
            found = _bspline(found, moving, fixed, fixed_mask, part(progress, middle, 1, stage))
    _require_overlap(found, moving, fixed, name)
    if progress is not None:
        progress(stage, 1.0)
    return found


def _identical(moving: sitk.Image, fixed: sitk.Image) -> bool:
    if not Grid.of(moving).same_as(Grid.of(fixed)):
        return False
    return bool(np.array_equal(sitk.GetArrayViewFromImage(moving), sitk.GetArrayViewFromImage(fixed)))


def _method(fixed_mask: sitk.Image | None, *, sampling: float) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(48)
    method.SetMetricSamplingStrategy(method.REGULAR if sampling < 1 else method.NONE)
    if sampling < 1:
        method.SetMetricSamplingPercentage(sampling, _SEED)
    if fixed_mask is not None:
        method.SetMetricFixedMask(fixed_mask)
    method.SetInterpolator(sitk.sitkLinear)
    return method


@contextmanager
def _one_thread() -> Iterator[None]:
    """The order of a threaded sum changes its rounding, and the optimiser amplifies that."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _best_rigid(
    moving: sitk.Image,
    fixed: sitk.Image,
    fixed_mask: sitk.Image | None,
    name: str,
    progress: Progress | None,
) -> sitk.Transform:
    """Rigid registration from where the scanner says the images lie or, where these miss, from their centres.

    The mask itself says which result is best, but the search needs the edges of the organ and its surroundings:
    inside the mask alone it runs into false optima.
    """
    in_place = sitk.Euler3DTransform()
    in_place.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()]))
    start = in_place
    if _overlap(in_place, moving, fixed) <= 0.5:
        geometry = sitk.CenteredTransformInitializerFilter.GEOMETRY
        start = sitk.Euler3DTransform(
            sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), geometry)
        )
    try:
        results = _searched(start, moving, fixed, fixed_mask, progress)
    except RuntimeError as error:
        message = f"The {name} cannot be brought onto the first image, they do not overlap; check the images."
        raise InputError(message) from error
    return min(results, key=lambda transform: _metric(transform, moving, fixed, fixed_mask))


def _searched(
    start: sitk.Euler3DTransform,
    moving: sitk.Image,
    fixed: sitk.Image,
    fixed_mask: sitk.Image | None,
    progress: Progress | None,
) -> list[sitk.Transform]:
    """What is found everywhere and, at the same time on another core, inside the widened mask."""
    if fixed_mask is None:
        return [_rigid(start, moving, fixed, None, progress)]
    images = _own_copy(moving), _own_copy(fixed), _widened(fixed_mask)
    return side_by_side(
        [
            lambda report: _rigid(start, moving, fixed, None, report),
            lambda report: _rigid(start, *images, report),
        ],
        progress,
    )


def _own_copy(image: sitk.Image) -> sitk.Image:
    """ITK keeps what a filter asks for in its input, so two threads must not share one."""
    copy = sitk.Image(image)
    copy.MakeUnique()
    return copy


def _widened(mask: sitk.Image) -> sitk.Image:
    return sitk.BinaryDilate(mask, [max(1, round(MARGIN_MM / spacing)) for spacing in mask.GetSpacing()])


def _rigid(
    start: sitk.Euler3DTransform,
    moving: sitk.Image,
    fixed: sitk.Image,
    fixed_mask: sitk.Image | None,
    progress: Progress | None,
) -> sitk.Transform:
    voxels = float(np.prod(fixed.GetSize()))
    method = _method(fixed_mask, sampling=min(0.99, 60_000 / voxels))
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=_RIGID_ITERATIONS, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    shrink = [_shrink(fixed, 4), _shrink(fixed, 2), 1]
    method.SetShrinkFactorsPerLevel(shrink)
    method.SetSmoothingSigmasPerLevel([4, 2, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(sitk.Euler3DTransform(start), inPlace=False)
    most = len(shrink) * _RIGID_ITERATIONS
    found = execute(method, fixed, moving, stage="Rigid", iterations=most, progress=progress)
    return found.Downcast()


def _shrink(image: sitk.Image, factor: int) -> int:
    """Shrinking all axes alike must leave enough of the thinnest one."""
    return max(1, min(factor, min(image.GetSize()) // 16))


def _bspline(
    start: sitk.Transform,
    moving: sitk.Image,
    fixed: sitk.Image,
    fixed_mask: sitk.Image | None,
    progress: Progress | None,
) -> sitk.Transform:
    mesh = [
        max(1, round(n * spacing / 50))
        for n, spacing in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)
    ]
    method = _method(fixed_mask, sampling=min(0.99, 20_000 / float(np.prod(fixed.GetSize()))))
    method.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-5, numberOfIterations=_BSPLINE_ITERATIONS)
    shrink = [_shrink(fixed, 2), 1]
    method.SetShrinkFactorsPerLevel(shrink)
    method.SetSmoothingSigmasPerLevel([3, 1])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetMovingInitialTransform(start)
    method.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh), inPlace=False)
    most = len(shrink) * _BSPLINE_ITERATIONS
    deformation = execute(method, fixed, moving, stage="B-spline", iterations=most, progress=progress)
    return sitk.CompositeTransform([start, deformation])


def _is_aligned(
    rigid: sitk.Transform, moving: sitk.Image, fixed: sitk.Image, fixed_mask: sitk.Image | None
) -> bool:
    identity = sitk.Transform(3, sitk.sitkIdentity)
    if _overlap(identity, moving, fixed) < LEAST_OVERLAP:
        return False
    corners = Grid.of(fixed).corners()
    moved = np.array([rigid.TransformPoint(corner) for corner in corners])
    if np.linalg.norm(moved - corners, axis=1).mean() < SMALLEST_MOTION_MM:
        return True
    before = _metric(identity, moving, fixed, fixed_mask)
    after = _metric(rigid, moving, fixed, fixed_mask)
    # Mutual information is negated by ITK: lower is better.
    return after > before - SMALLEST_GAIN * abs(before)


def _metric(
    transform: sitk.Transform, moving: sitk.Image, fixed: sitk.Image, fixed_mask: sitk.Image | None
) -> float:
    voxels = float(np.prod(fixed.GetSize()))
    method = _method(fixed_mask, sampling=min(0.5, MOST_COMPARED / voxels))
    method.SetInitialTransform(transform)
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return 0.0


def _overlap(transform: sitk.Transform, moving: sitk.Image, fixed: sitk.Image) -> float:
    """Part of the fixed image's field of view that lies inside the moving image."""
    size = np.asarray(fixed.GetSize())
    steps = [np.linspace(0, n - 1, 9) for n in size]
    inside = 0
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    limits = np.asarray(moving.GetSize()) - 0.5
    for point in points:
        mapped = transform.TransformPoint(fixed.TransformContinuousIndexToPhysicalPoint(point.tolist()))
        index = np.asarray(moving.TransformPhysicalPointToContinuousIndex(mapped))
        inside += bool(((index >= -0.5) & (index <= limits)).all())
    return inside / len(points)


def _require_overlap(transform: sitk.Transform, moving: sitk.Image, fixed: sitk.Image, name: str) -> None:
    overlap = _overlap(transform, moving, fixed)
    if overlap < LEAST_OVERLAP:
        message = (
            f"The {name} covers only {overlap:.0%} of the first image; check that both belong to the same examination"
            " or register them before."
        )
        raise InputError(message)
