"""Phantom brain patients: two examinations of one patient with known lesions, made from an anatomy's tissue maps.

Contrasts, texture, noise, bias and lesion statistics follow measurements on openly licensed scans of multiple
sclerosis patients. What is made here is a phantom and is called one wherever its results are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ...images.geometry import Grid
from ..random_fields import rician
from ..random_fields import smooth_field
from .lesion_synthesis import LesionAppearance
from .lesion_synthesis import paste_lesions
from .lesions import PhantomLesion
from .lesions import confluent_lesions
from .lesions import later_lesions
from .lesions import occupancy
from .lesions import scatter_lesions

Volume = NDArray[np.float32]

SPACING_IN_PLANE_MM, SLICE_MM = 0.958, 3.0
# Intensity of white matter in the files; int16 then keeps noise and compresses well.
WHITE_MATTER_LEVEL = 200.0
SLICE_PROFILE = (0.06, 0.24, 0.40, 0.24, 0.06)


@dataclass(frozen=True)
class Anatomy:
    """Tissue maps of a brain without skull on a 1 mm grid in LPS, arrays (Z, Y, X).

    Attributes:
        t1: intensities, any scale, 0 outside the brain.
        white_matter: probability 0 to 1.
        grey_matter: probability 0 to 1.
    """

    t1: Volume
    white_matter: Volume
    grey_matter: Volume


@dataclass(frozen=True)
class BrainAppearance:
    """What both examinations of one phantom patient share, and a general CNN does not know.

    Attributes:
        lesions: brightness of lesions in both sequences.
        dirty_white_matter: brightness of unlabelled bands of white matter behind the ventricles.
        caps: brightness of unlabelled caps at the ventricles.
        noise: standard deviation of FLAIR noise before the point spread, relative to white matter.
    """

    lesions: LesionAppearance = field(default_factory=LesionAppearance)
    dirty_white_matter: float = 0.12
    caps: float = 0.12
    noise: float = 0.06


@dataclass(frozen=True)
class PhantomExamination:
    """FLAIR and T1 (int16), brain mask and lesions (uint8) on one grid.

    Attributes:
        pose: from points of this examination to points of the anatomy.
    """

    flair: sitk.Image
    t1: sitk.Image
    brain_mask: sitk.Image
    lesions: sitk.Image
    pose: sitk.Euler3DTransform


@dataclass(frozen=True)
class PhantomPatient:
    """Examinations of one phantom patient, the earliest first, and what became of every lesion.

    Attributes:
        lesions: of each examination; lesions keep their place in the list, new ones come last.
        white_matter: probability 0 to 1 on the patient's own anatomy, float32 (Z, Y, X), 1 mm.
    """

    examinations: list[PhantomExamination]
    lesions: list[list[PhantomLesion]]
    white_matter: Volume

    @property
    def baseline(self) -> PhantomExamination:
        """The first examination."""
        return self.examinations[0]

    @property
    def followup(self) -> PhantomExamination:
        """The second examination."""
        return self.examinations[1]

    @property
    def baseline_lesions(self) -> list[PhantomLesion]:
        """Lesions of the first examination."""
        return self.lesions[0]

    @property
    def followup_lesions(self) -> list[PhantomLesion]:
        """Lesions of the second examination."""
        return self.lesions[1]


def make_brain_patient(
    anatomy: Anatomy,
    seed: int,
    *,
    appearance: BrainAppearance | None = None,
    lesion_count: int = 60,
    confluent_count: int = 6,
    examinations: int = 2,
) -> PhantomPatient:
    """Make one phantom patient; the same seed gives the same voxels, however many examinations follow.

    The anatomy is deformed a little, so that no patient is the template itself.
    """
    rng = np.random.default_rng(seed)
    appearance = appearance or BrainAppearance()
    own = deformed(anatomy, rng)
    ventricles = find_ventricles(own)
    solid = own.white_matter > 0.7
    before = scatter_lesions(solid, ventricles, lesion_count, rng)
    before += confluent_lesions(own.white_matter > 0.5, ventricles, confluent_count, rng)
    lesions = [before, later_lesions(before, solid, ventricles, rng)]
    tissue_seed = int(rng.integers(2**31))
    tissue = _tissue(own, ventricles, appearance, np.random.default_rng(tissue_seed))
    made: list[PhantomExamination] = []
    while len(made) < examinations:
        if len(made) == len(lesions):
            lesions.append(later_lesions(lesions[-1], solid, ventricles, rng))
        examination_seed = int(rng.integers(2**31))
        lesion_rng = np.random.default_rng(tissue_seed + 1)
        filled = occupancy(lesions[len(made)], own.white_matter)
        flair, t1, labels = paste_lesions(*tissue, filled, (1.0, 1.0, 1.0), appearance.lesions, lesion_rng)
        made.append(_acquired(flair, t1, labels, own, appearance, np.random.default_rng(examination_seed)))
    return PhantomPatient(made, lesions[:examinations], own.white_matter)


def deformed(anatomy: Anatomy, rng: np.random.Generator, *, amplitude_mm: float = 2.5) -> Anatomy:
    """A smooth random deformation of the anatomy."""
    shape = anatomy.t1.shape
    field_mm = []
    for _ in range(3):
        coarse = rng.standard_normal([max(3, n // 24) for n in shape])
        smooth = ndimage.zoom(coarse, [n / m for n, m in zip(shape, coarse.shape, strict=True)], order=3)
        field_mm.append(amplitude_mm * smooth / max(float(smooth.std()), 1e-6))
    points = [grid + shift for grid, shift in zip(np.indices(shape, dtype=np.float32), field_mm, strict=True)]
    maps = [
        ndimage.map_coordinates(volume, points, order=1).astype(np.float32)
        for volume in (anatomy.t1, anatomy.white_matter, anatomy.grey_matter)
    ]
    return Anatomy(*maps)


def find_ventricles(anatomy: Anatomy) -> NDArray[np.bool_]:
    """Fluid deep inside the brain, bool (Z, Y, X)."""
    brain = anatomy.t1 > 0
    depth = ndimage.distance_transform_edt(brain)
    fluid = brain & (anatomy.white_matter + anatomy.grey_matter < 0.4)
    return fluid & (depth > 0.45 * depth.max())


def _tissue(
    anatomy: Anatomy, ventricles: NDArray[np.bool_], appearance: BrainAppearance, rng: np.random.Generator
) -> tuple[Volume, Volume]:
    """FLAIR and T1 without lesions, white matter 1, on the 1 mm grid."""
    brain = anatomy.t1 > 0
    white, grey = anatomy.white_matter, anatomy.grey_matter
    fluid = np.clip(1 - white - grey, 0, 1) * brain
    shape = brain.shape
    pool = ndimage.distance_transform_edt(fluid > 0.5)
    fluid_level = 0.18 + 0.44 * np.exp(-pool / 1.3) + 0.16 * smooth_field(shape, 1.6, rng) * np.exp(-pool / 3)
    depth = ndimage.distance_transform_edt(brain)
    # Deep grey matter is darker than cortex in FLAIR.
    cortex = np.exp(-np.maximum(depth - 12, 0) / 8)
    grey_level = 1.09 + 0.27 * cortex + 0.05 * smooth_field(shape, 4, rng)
    white_level = 1 + 0.03 * smooth_field(shape, 4, rng) + _hard_negatives(ventricles, appearance, rng)
    flair = white * white_level + grey * grey_level + fluid * fluid_level
    flair *= 1 + 0.025 * smooth_field(shape, 8, rng)
    t1 = anatomy.t1 / np.median(anatomy.t1[white > 0.9]) * (1 + 0.015 * smooth_field(shape, 4, rng))
    return (flair * brain).astype(np.float32), (t1 * brain).astype(np.float32)


def _hard_negatives(
    ventricles: NDArray[np.bool_], appearance: BrainAppearance, rng: np.random.Generator
) -> Volume:
    """Brightness of normal white matter that looks like lesion: rims, caps and patient-specific bands."""
    if not ventricles.any():
        return np.zeros(ventricles.shape, dtype=np.float32)
    distance = ndimage.distance_transform_edt(~ventricles)
    patchy = np.clip(0.5 + 0.8 * smooth_field(ventricles.shape, 6, rng), 0, 1.5)
    rim = appearance.caps * np.exp(-distance / 1.8) + 0.05 * patchy * np.exp(-distance / 9)
    rows = np.arange(ventricles.shape[1])[:, None]
    behind = np.clip((rows - np.percentile(np.nonzero(ventricles)[1], 60)) / 12, 0, 1)
    band = np.exp(-(((distance - 9) / 5) ** 2)) * behind * patchy
    return (rim + appearance.dirty_white_matter * band).astype(np.float32)


def _acquired(
    flair: Volume,
    t1: Volume,
    labels: NDArray[np.bool_],
    anatomy: Anatomy,
    appearance: BrainAppearance,
    rng: np.random.Generator,
) -> PhantomExamination:
    """What the scanner makes of it: pose, slices, noise, point spread, bias field and gain."""
    pose = sitk.Euler3DTransform()
    source = _anatomy_grid(flair.shape)
    pose.SetCenter([n / 2 for n in source.size])
    angles = np.deg2rad(rng.uniform(-3, 3, 3))
    pose.SetRotation(*map(float, angles))
    pose.SetTranslation([float(t) for t in rng.uniform(-4, 4, 3)])
    brain = ndimage.binary_closing(anatomy.t1 > 0, iterations=2).astype(np.float32)
    flair_slices, t1_slices, label_part, brain_part = (
        in_slices(volume, pose) for volume in (flair, t1, labels.astype(np.float32), brain)
    )
    inside = brain_part >= 0.5
    grid = _slice_grid(source)
    flair_image = _measured(flair_slices, inside, grid, appearance.noise, 0.10, rng)
    t1_image = _measured(t1_slices, inside, grid, 0.4 * appearance.noise, 0.06, rng)
    lesions = (label_part >= 0.5) & inside
    mask, labelmap = (grid.image(part.astype(np.uint8)) for part in (inside, lesions))
    return PhantomExamination(flair_image, t1_image, mask, labelmap, pose)


def _slice_grid(source: Grid) -> Grid:
    x, y, z = source.size
    size = (int(x / SPACING_IN_PLANE_MM), int(y / SPACING_IN_PLANE_MM), int(z / SLICE_MM))
    spacing = (SPACING_IN_PLANE_MM, SPACING_IN_PLANE_MM, SLICE_MM)
    return Grid(size, spacing, (0.0, 0.0, 1.0), source.direction)


def _anatomy_grid(shape: tuple[int, ...]) -> Grid:
    z, y, x = shape
    return Grid((x, y, z), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))


def in_slices(volume: Volume, pose: sitk.Transform) -> Volume:
    """What the slices of an examination see of a volume of the anatomy, float32 (Z, Y, X) on the examination's grid.

    It is sampled at 1 mm in the pose of the examination and averaged through each slice's profile.

    Args:
        volume: float32 (Z, Y, X) on the 1 mm anatomy.
        pose: from points of the examination to points of the anatomy.
    """
    source = _anatomy_grid(volume.shape)
    thin = Grid(
        (*_slice_grid(source).size[:2], source.size[2]),
        (SPACING_IN_PLANE_MM, SPACING_IN_PLANE_MM, 1.0),
        (0.0, 0.0, 0.0),
        source.direction,
    )
    image = sitk.Resample(
        source.image(volume), thin.image(np.zeros(thin.shape, np.float32)), pose, sitk.sitkLinear
    )
    averaged = ndimage.correlate1d(sitk.GetArrayFromImage(image), SLICE_PROFILE, axis=0, mode="nearest")
    return averaged[1 :: int(SLICE_MM)][: _slice_grid(source).size[2]].astype(np.float32)


def _measured(
    slices: Volume, inside: NDArray[np.bool_], grid: Grid, noise: float, bias: float, rng: np.random.Generator
) -> sitk.Image:
    shading = np.exp(
        bias
        * (smooth_field(slices.shape, (18, 57, 57), rng) + smooth_field(slices.shape, (36, 115, 115), rng))
        / 2
    )
    gain = np.exp(rng.normal(0, 0.2))
    signal = slices * shading
    spread = ndimage.gaussian_filter(rician(signal, noise, rng), (0, 0.5, 0.5))
    return grid.image(np.where(inside, np.rint(WHITE_MATTER_LEVEL * gain * spread), 0).astype(np.int16))
