"""Bringing the volumes of one sequence, such as the phases of a DCE series, into one position.

All volumes are registered at once to their common mean position by a metric on the principal components of their
intensities (Huizinga et al., Medical Image Analysis 2016), as Jansen et al. (Phys Med Biol 2017) do for the liver:
aligned phases of an enhancing organ need few components, whatever their contrast. The deformations come from
elastix; the package itk-elastix is installed only by those who need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import distribution
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from ..model.card import MOTION_CORRECTIONS
from ..model.card import ModelCard
from .geometry import Grid
from .geometry import resample
from .geometry import resample_labelmap

PACKAGE = "itk-elastix"
# Breathing deforms an organ smoothly: coarse volumes and a coarse grid of control points tell it.
_WORKING_MM = 3.0
_CONTROL_POINTS_MM = 40.0
_MARGIN_MM = 20.0
_RESOLUTIONS = 2
_ITERATIONS = 150
_SAMPLES = 2000
# A series that lies still must not be blurred by a needless interpolation.
SMALLEST_MOTION_MM = 0.5
SMALLEST_GAIN = 0.005


def corrected_sequences(card: ModelCard, motion_correction: str | None = None) -> tuple[str, ...]:
    """The sequences whose volumes are brought into one position.

    Args:
        motion_correction: None as the pathways of the card say, "groupwise" for the first one also where the card
            does not ask for it, "none" for no sequence. Few volumes of very different noise, such as three b-values,
            tell deformations that are not there, so only a card can ask for theirs.

    Raises:
        InputError: the motion correction is not known.
    """
    if motion_correction not in (None, *MOTION_CORRECTIONS):
        message = f"The motion correction {motion_correction!r} is not known; use {' or '.join(MOTION_CORRECTIONS)}."
        raise InputError(message)
    if motion_correction == "none":
        return ()
    first = card.pathways[0].sequence if motion_correction == "groupwise" else None
    wanted = (p for p in card.pathways if p.motion_correction == "groupwise" or p.sequence == first)
    return tuple(p.sequence for p in wanted if p.channels > 1)


def require_elastix(sequence: str) -> None:
    """Make sure that motion can be corrected before any work starts.

    Raises:
        InputError: itk-elastix is not installed.
    """
    try:
        distribution(PACKAGE)
    except PackageNotFoundError as error:
        message = (
            f"Correcting the motion of the {sequence} needs the package {PACKAGE}, which is not installed; install"
            " it with pip, or go on without correction by --motion-correction none."
        )
        raise InputError(message) from error


def correct_motion(
    volumes: Sequence[sitk.Image], organ_mask: sitk.Image, *, key: int, name: str = "series"
) -> tuple[list[sitk.Image], float]:
    """Bring volumes on one grid into the position of one of them, which stays as it is.

    Labels drawn on the key volume therefore fit all of them. The volumes come back unchanged when they move by less
    than half a millimetre or when their principal components tell no gain. The result repeats exactly.

    Args:
        volumes: float32, at least two, on one grid.
        organ_mask: uint8 0/1 on any grid, the organ that counts.
        key: index of the volume that stays.
        name: what error messages call the series.

    Returns:
        the volumes, and the mean motion inside the organ in mm of the volume that moved most (0 when unchanged).

    Raises:
        InputError: itk-elastix is not installed, or finds no deformation.
    """
    require_elastix(name)
    coarse_grid = _coarse(Grid.of(volumes[0]))
    coarse = [resample(volume, coarse_grid) for volume in volumes]
    mask = resample_labelmap(organ_mask, coarse_grid)
    inside = sitk.GetArrayFromImage(mask) > 0
    transforms = _towards_key(_groupwise(coarse, _widened(mask), name), key, coarse_grid)
    moved = [_moved(volume, transform) for volume, transform in zip(coarse, transforms, strict=True)]
    motion = max(_mean_motion(transform, coarse_grid, inside) for transform in transforms)
    gain = pca_dissimilarity(_inside(coarse, inside)) - pca_dissimilarity(_inside(moved, inside))
    if motion < SMALLEST_MOTION_MM or gain < SMALLEST_GAIN:
        return list(volumes), 0.0
    finest = [_moved(volume, transform) for volume, transform in zip(volumes, transforms, strict=True)]
    finest[key] = volumes[key]
    return finest, motion


def pca_dissimilarity(intensities: NDArray[np.floating]) -> float:
    """How many principal components volumes need, from 0 for one to 1 for as many as there are volumes.

    The metric D_PCA2 of Huizinga et al. (2016), the sum of the eigenvalues of the correlation matrix, each weighted
    by its rank, brought to 0 to 1.

    Args:
        intensities: (volumes, voxels).
    """
    deviations = intensities.std(axis=1)
    known = intensities[deviations > 0]
    count = len(known)
    if count < 2:
        return 0.0
    eigenvalues = np.sort(np.linalg.eigvalsh(np.corrcoef(known)))[::-1]
    weighted = float((np.arange(1, count + 1) * eigenvalues).sum())
    return (weighted - count) / (count * (count + 1) / 2 - count)


def _coarse(grid: Grid) -> Grid:
    """The same field of view with voxels of at least the working size."""
    old = np.asarray(grid.spacing)
    size = np.maximum(np.minimum(grid.size, 4), np.floor(np.asarray(grid.size) * old / _WORKING_MM)).astype(
        int
    )
    size = np.minimum(size, grid.size)
    new = np.asarray(grid.size) * old / size
    origin = np.asarray(grid.origin) + grid.axes @ ((new - old) / 2)
    return Grid(tuple(map(int, size)), tuple(map(float, new)), tuple(map(float, origin)), grid.direction)


def _widened(mask: sitk.Image) -> sitk.Image:
    """The edge of the organ and its surroundings tell the motion best."""
    return sitk.BinaryDilate(mask, [max(1, round(_MARGIN_MM / spacing)) for spacing in mask.GetSpacing()])


def _groupwise(volumes: Sequence[sitk.Image], mask: sitk.Image, name: str) -> list[sitk.Transform]:
    """Transforms from points of the mean position to points of each volume."""
    import itk

    spacing = [*volumes[0].GetSpacing(), 1.0]
    array = np.stack([sitk.GetArrayFromImage(volume) for volume in volumes]).astype(np.float32)
    masks = np.repeat(sitk.GetArrayFromImage(mask)[None], len(volumes), axis=0)
    series, mask_series = itk.image_view_from_array(array), itk.image_view_from_array(masks)
    series.SetSpacing(spacing)
    mask_series.SetSpacing(spacing)
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(_elastix_parameters())
    registration = itk.ElastixRegistrationMethod.New(series, series)
    registration.SetFixedMask(mask_series)
    registration.SetParameterObject(parameters)
    registration.SetLogToConsole(False)
    try:
        registration.UpdateLargestPossibleRegion()
    except RuntimeError as error:
        message = (
            f"The motion of the {name} cannot be corrected, since elastix finds no deformation; check the images and"
            " the organ mask, or go on without correction by --motion-correction none."
        )
        raise InputError(message) from error
    found = registration.GetTransformParameterObject().GetParameterMap(0)
    return _bsplines(found, Grid.of(volumes[0]))


def _bsplines(found: Mapping[str, Sequence[str]], grid: Grid) -> list[sitk.Transform]:
    """The transforms of elastix, which knows the volumes by millimetres along their axes, in the patient."""
    size, spacing, corner = (
        np.asarray(found[name], dtype=float) for name in ("GridSize", "GridSpacing", "GridOrigin")
    )
    origin = np.asarray(grid.origin) + grid.axes @ corner
    control = Grid(tuple(size.astype(int).tolist()), tuple(spacing), tuple(origin), grid.direction)
    values = np.asarray(found["TransformParameters"], dtype=float).reshape(-1, 3, *control.shape)
    # From axes of the grid to axes of the patient.
    coefficients = np.einsum("ij,vjzyx->vizyx", grid.axes, values)
    return [
        sitk.BSplineTransform([control.image(component) for component in volume], 3)
        for volume in coefficients
    ]


def _elastix_parameters() -> dict[str, list[str]]:
    """Group-wise B-spline registration; names as in the manual of elastix."""
    levels = [2**level for level in reversed(range(_RESOLUTIONS))]
    smoothing = [str(value) for level in levels for value in (level, level, level, 0)]
    values: dict[str, Any] = {
        "FixedInternalImagePixelType": "float",
        "MovingInternalImagePixelType": "float",
        "Registration": "MultiResolutionRegistration",
        "FixedImagePyramid": "FixedSmoothingImagePyramid",
        "MovingImagePyramid": "MovingSmoothingImagePyramid",
        "ImagePyramidSchedule": smoothing,
        "NumberOfResolutions": _RESOLUTIONS,
        "Interpolator": "ReducedDimensionBSplineInterpolator",
        "BSplineInterpolationOrder": 1,
        "ResampleInterpolator": "FinalReducedDimensionBSplineInterpolator",
        "Resampler": "DefaultResampler",
        "WriteResultImage": "false",
        "Metric": "PCAMetric2",
        "UseZeroAverageDisplacementConstraint": "true",
        "MovingImageDerivativeScales": [1, 1, 1, 0],
        "RequiredRatioOfValidSamples": 0.05,
        "Transform": "BSplineStackTransform",
        "FinalGridSpacingInPhysicalUnits": _CONTROL_POINTS_MM,
        "GridSpacingSchedule": levels,
        "HowToCombineTransforms": "Compose",
        "AutomaticTransformInitialization": "false",
        "Optimizer": "AdaptiveStochasticGradientDescent",
        "ASGDParameterEstimationMethod": "Original",
        "MaximumNumberOfIterations": _ITERATIONS,
        "MaximumStepLength": 1,
        "NumberOfJacobianMeasurements": 1000,
        "NumberOfSamplesForExactGradient": _SAMPLES,
        "ImageSampler": "RandomCoordinate",
        "NumberOfSpatialSamples": _SAMPLES,
        "NewSamplesEveryIteration": "true",
        "UseRandomSampleRegion": "false",
        "RandomSeed": 1,
    }
    return {
        name: [str(v) for v in value] if isinstance(value, list) else [str(value)]
        for name, value in values.items()
    }


def _towards_key(transforms: Sequence[sitk.Transform], key: int, grid: Grid) -> list[sitk.Transform]:
    """Transforms from points of the key volume to points of each volume.

    The mean position lies between all volumes; going back to it from the key volume first, and from there to each
    volume, leaves the key volume where it is.
    """
    inverse = sitk.InvertDisplacementField(
        _displacements(transforms[key], grid),
        maximumNumberOfIterations=50,
        maxErrorToleranceThreshold=0.01,
        meanErrorToleranceThreshold=0.001,
        enforceBoundaryCondition=False,
    )
    back = sitk.DisplacementFieldTransform(inverse)
    return [sitk.CompositeTransform([transform, back]) for transform in transforms]


def _displacements(transform: sitk.Transform, grid: Grid) -> sitk.Image:
    return sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, grid.size, grid.origin, grid.spacing, grid.direction
    )


def _moved(volume: sitk.Image, transform: sitk.Transform) -> sitk.Image:
    # What the field of view does not show is taken from its edge, not from nothing.
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(volume)
    resampler.SetTransform(transform)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.UseNearestNeighborExtrapolatorOn()
    return resampler.Execute(volume)


def _mean_motion(transform: sitk.Transform, grid: Grid, inside: NDArray[np.bool_]) -> float:
    field = sitk.GetArrayFromImage(_displacements(transform, grid))
    return float(np.linalg.norm(field[inside], axis=-1).mean())


def _inside(volumes: Sequence[sitk.Image], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.stack([sitk.GetArrayFromImage(volume)[inside] for volume in volumes])
