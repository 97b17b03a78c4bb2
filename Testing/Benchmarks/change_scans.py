"""Real scans as if they were taken again, with or without injected lesions, and what the CNN makes of each."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.files.atomic import replace_when_complete
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.preprocessing import preprocess_examination
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.lesions.logit_moments import logit_moments
from PatientSpecificTuningLib.engine.network.features import FrozenTrunk
from PatientSpecificTuningLib.engine.network.folded_head import FoldedHead
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import LesionAppearance
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import paste_lesions
from PatientSpecificTuningLib.engine.phantoms.injection import fill_ellipsoid
from PatientSpecificTuningLib.engine.phantoms.injection import random_radii
from scipy import ndimage

TURN_DEGREES, SHIFT_MM = 3.0, 4.0
# Relative to white matter: measured noise of the real scans, and the spread of their bias fields.
NOISE_FLAIR, NOISE_T1, BIAS_SD = 0.03, 0.01, 0.10
INJECTED_MM3 = (30.0, 100.0, 500.0)
APART_MM = 18.0


@dataclass(frozen=True)
class RawScan:
    """FLAIR, T1 (None where it is missing) and brain mask on one grid."""

    flair: sitk.Image
    t1: sitk.Image | None
    mask: sitk.Image


@dataclass(frozen=True)
class SeenScan:
    """What the CNN made of one scan, arrays (Z, Y, X) on its working grid."""

    grid: Grid
    image: NDArray[np.float32]
    organ: NDArray[np.bool_]
    logit: NDArray[np.float32]
    logit_sd: NDArray[np.float32]

    @property
    def probability(self) -> NDArray[np.float32]:
        """Lesion softmax, 0 outside the organ."""
        return np.where(self.organ, 1 / (1 + np.exp(-self.logit)), 0).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write as npz in half precision, complete or not at all."""
        grid = np.array([*self.grid.size, *self.grid.spacing, *self.grid.origin, *self.grid.direction])
        half = {n: getattr(self, n).astype(np.float16) for n in ("image", "logit", "logit_sd")}
        with replace_when_complete(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, grid=grid, organ=self.organ, **half)

    @classmethod
    def load(cls, path: Path) -> SeenScan:
        """Read what `save` wrote."""
        values = np.load(path)
        numbers = values["grid"]
        grid = Grid(
            tuple(int(n) for n in numbers[:3]), tuple(numbers[3:6]), tuple(numbers[6:9]), tuple(numbers[9:])
        )
        half = {n: values[n].astype(np.float32) for n in ("image", "logit", "logit_sd")}
        return cls(grid, organ=values["organ"], **half)


def read_raw(folder: Path, prefix: str = "", mask: str = "brain_mask") -> RawScan:
    """The scan whose files in `folder` begin with `prefix`."""
    t1 = folder / f"{prefix}T1.nii.gz"
    return RawScan(
        read_volume(folder / f"{prefix}FLAIR.nii.gz", "FLAIR"),
        read_volume(t1, "T1") if t1.is_file() else None,
        sitk.Cast(sitk.ReadImage(str(folder / f"{mask}.nii.gz")) > 0, sitk.sitkUInt8),
    )


def taken_again(raw: RawScan, seed: int) -> tuple[RawScan, sitk.Euler3DTransform]:
    """The scan turned by three degrees and moved, with new noise and another bias field.

    Returns:
        the scan, and the transform from its points to those of the original.
    """
    rng = np.random.default_rng(seed)
    axis = rng.standard_normal(3)
    angles = np.deg2rad(TURN_DEGREES) * axis / np.linalg.norm(axis)
    size = raw.flair.GetSize()
    centre = raw.flair.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
    moved = sitk.Euler3DTransform(centre, *map(float, angles), rng.uniform(-SHIFT_MM, SHIFT_MM, 3).tolist())
    mask = sitk.Resample(raw.mask, raw.flair, moved, sitk.sitkNearestNeighbor)
    flair = _disturbed(sitk.Resample(raw.flair, raw.flair, moved, sitk.sitkBSpline), mask, NOISE_FLAIR, rng)
    t1 = None
    if raw.t1 is not None:
        turned = sitk.Resample(raw.t1, raw.flair, moved, sitk.sitkBSpline)
        t1 = _disturbed(turned, mask, NOISE_T1, rng)
    return RawScan(flair, t1, mask), moved


def _disturbed(image: sitk.Image, mask: sitk.Image, noise: float, rng: np.random.Generator) -> sitk.Image:
    array = np.maximum(sitk.GetArrayFromImage(image).astype(np.float32), 0)
    white = white_matter_level(array, sitk.GetArrayFromImage(mask) > 0)
    grain = ndimage.gaussian_filter(rng.standard_normal(array.shape), (0, 0.5, 0.5))
    coarse = rng.standard_normal((5, 6, 6))
    field = ndimage.zoom(coarse, [n / c for n, c in zip(array.shape, coarse.shape, strict=True)], order=3)
    bias = np.exp(BIAS_SD * field / field.std())
    new = array * bias + grain / grain.std() * noise * white
    return Grid.of(image).image(np.maximum(new, 0).astype(np.float32))


def white_matter_level(array: NDArray[np.float32], organ: NDArray[np.bool_]) -> float:
    """The most frequent intensity of the brain."""
    values = array[organ]
    counts, edges = np.histogram(values, bins=200, range=(0.0, float(np.percentile(values, 99))))
    counts = ndimage.gaussian_filter1d(counts.astype(float), 3)
    start = 60
    return float(edges[start + int(np.argmax(counts[start:]))])


def with_lesions(
    raw: RawScan, free: NDArray[np.bool_], seed: int, *, each: int = 8
) -> tuple[RawScan, NDArray[np.int32], dict[int, float]]:
    """The scan with `each` lesions of every size in white matter that shows none.

    Args:
        free: bool (Z, Y, X), where nothing was found and lesions may lie.

    Returns:
        the scan, int32 numbers of the lesions (Z, Y, X), and the wanted volume in mm3 of each.
    """
    rng = np.random.default_rng(seed)
    grid = Grid.of(raw.flair)
    organ = sitk.GetArrayFromImage(raw.mask) > 0
    flair = sitk.GetArrayFromImage(raw.flair).astype(np.float32)
    level = white_matter_level(flair, organ)
    relative = flair / level
    smooth = ndimage.gaussian_filter(relative, (0.3, 1.5, 1.5))
    sampling = grid.spacing[::-1]
    deep = ndimage.distance_transform_edt(organ, sampling=sampling) > 12
    places = np.argwhere(free & deep & (np.abs(smooth - 1) < 0.10))
    wanted = [volume for volume in sorted(INJECTED_MM3, reverse=True) for _ in range(each)]
    occupancy = np.zeros(flair.shape, dtype=np.float32)
    numbers = np.zeros(flair.shape, dtype=np.int32)
    volumes: dict[int, float] = {}
    taken: list[NDArray[np.float64]] = []
    for place in places[rng.permutation(len(places))]:
        point = place * sampling
        if len(volumes) == len(wanted):
            break
        if any(np.linalg.norm(point - other) < APART_MM for other in taken):
            continue
        volume = wanted[len(volumes)]
        radii = random_radii(volume, rng)
        ball = fill_ellipsoid(flair.shape, place + rng.uniform(-0.5, 0.5, 3), radii, sampling)
        if (ball > 0.5).any() and (np.abs(smooth - 1) < 0.18)[ball > 0.3].mean() > 0.9:
            taken.append(point)
            occupancy = np.maximum(occupancy, ball)
            volumes[len(volumes) + 1] = volume
            numbers[ball > 0.3] = len(volumes)
    t1 = np.ones_like(flair)
    t1_level = 1.0
    if raw.t1 is not None:
        t1 = sitk.GetArrayFromImage(raw.t1).astype(np.float32)
        t1_level = white_matter_level(t1, organ)
    new_flair, new_t1, _labels = paste_lesions(
        relative, t1 / t1_level, occupancy, grid.spacing, LesionAppearance(), rng
    )
    injected = replace(
        raw,
        flair=grid.image(new_flair * level),
        t1=None if raw.t1 is None else grid.image(new_t1 * t1_level),
    )
    return injected, numbers, volumes


def seen_by(network: DualPathwayNetwork, raw: RawScan, name: str) -> SeenScan:
    """Preprocess the scan and run the CNN on every slice; nothing is kept of the features."""
    sequences = [[raw.flair]] if raw.t1 is None else [[raw.flair], [raw.t1]]
    card = replace(network.card, pathways=network.card.pathways[: len(sequences)])
    done = preprocess_examination(name, sequences, raw.mask, card, registration="none")
    images = np.zeros((2, *done.organ_mask.shape), dtype=np.float32)
    images[: done.images.shape[0]] = done.images
    trunk, folded = FrozenTrunk(network), FoldedHead(network.head)
    logit = np.full(done.organ_mask.shape, -30, dtype=np.float32)
    deviation = np.zeros(done.organ_mask.shape, dtype=np.float32)
    for z in np.flatnonzero(done.organ_mask.any(axis=(1, 2))):
        organ = done.organ_mask[z]
        rows = trunk.rows(images[:, z], organ)
        values, variance = logit_moments(folded, rows)
        logit[z][organ] = values.numpy()
        deviation[z][organ] = np.sqrt(variance.numpy())
    return SeenScan(done.working_grid, done.images[0], done.organ_mask, logit, deviation)
