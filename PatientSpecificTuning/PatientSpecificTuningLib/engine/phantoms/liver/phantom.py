"""Phantom liver patients: two abdominal examinations of one patient, before and after treatment, with known truth.

DCE-MRI and DWI are simulated from tissue properties on procedural anatomy. What is made here is a phantom and is
called one wherever its results are shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ...images.geometry import Grid
from ..implicit_shapes import Points
from ..implicit_shapes import filled
from ..random_fields import smooth_field
from .abdomen import Abdomen
from .appearance import METASTASES
from .appearance import LiverAppearance
from .lesions import LesionPlaces
from .lesions import LiverLesion
from .lesions import ablation_scars
from .lesions import scatter_metastases
from .lesions import scatter_mimics
from .lesions import treated
from .scan import acquired
from .tissue_signal import B_VALUES
from .tissue_signal import PHASES
from .tissue_signal import Signal
from .tissue_signal import signals
from .tissues import LesionTissues
from .tissues import healthy_tissues
from .tissues import lesion_tissues

Volume = NDArray[np.float32]

# In-plane pixels of the paper; slices as in clinical DCE-MRI before interpolation.
SPACING_MM = (1.543, 1.543, 4.0)
SIZE = (192, 144, 34)
CHANNELS = PHASES + len(B_VALUES)
# Metastases become less perfused and less dense in cells under treatment.
LARGEST_RESPONSE = 0.5


@dataclass(frozen=True)
class LiverExamination:
    """Sixteen phases and three b-values (int16), liver mask and metastases (uint8) on one grid.

    Mask and labels belong to the portal venous phases, on which radiologists mark metastases; the other breath holds
    are moved against them.
    """

    dce: list[sitk.Image]
    dwi: list[sitk.Image]
    liver_mask: sitk.Image
    lesions: sitk.Image


@dataclass(frozen=True)
class LiverState:
    """What a liver holds at one examination.

    Attributes:
        metastases: labelled.
        mimics: look like metastases and are not labelled.
        response: 0 without treatment to 1.
    """

    metastases: list[LiverLesion]
    mimics: list[LiverLesion]
    response: float = 0.0


@dataclass(frozen=True)
class LiverPatient:
    """Two examinations of one phantom patient, how the patient looks and what became of every metastasis."""

    baseline: LiverExamination
    followup: LiverExamination
    appearance: LiverAppearance
    before: LiverState
    after: LiverState


def standard_grid(
    size: tuple[int, int, int] = SIZE, spacing: tuple[float, float, float] = SPACING_MM
) -> Grid:
    """An axial grid (x, y, z) about the middle of the liver."""
    origin = tuple(-(n - 1) / 2 * s for n, s in zip(size, spacing, strict=True))
    return Grid(size, spacing, origin, tuple(np.eye(3).ravel()))


def make_liver_patient(
    seed: int,
    *,
    appearance: LiverAppearance | None = None,
    metastasis_count: int | None = None,
    grid: Grid | None = None,
    breathing_mm: float = 1.0,
) -> LiverPatient:
    """Make one phantom patient; the same seed gives the same voxels.

    Args:
        appearance: None draws one from the population.
        metastasis_count: at baseline; None draws 3 to 14.
        grid: None is the whole abdomen in 34 slices.
        breathing_mm: standard deviation of the craniocaudal shift between breath holds.
    """
    rng = np.random.default_rng(seed)
    drawn = LiverAppearance.random(rng)
    appearance = appearance or drawn
    abdomen = Abdomen(int(rng.integers(2**31)))
    count = int(rng.integers(3, 15))
    before, after = _states(abdomen, appearance, metastasis_count or count, rng)
    grid = grid or standard_grid()
    baseline, followup = (
        _examine(abdomen, appearance, state, grid, breathing_mm, np.random.default_rng([seed, number]))
        for number, state in enumerate((before, after))
    )
    return LiverPatient(baseline, followup, appearance, before, after)


def _states(
    abdomen: Abdomen, appearance: LiverAppearance, count: int, rng: np.random.Generator
) -> tuple[LiverState, LiverState]:
    places = LesionPlaces(abdomen, rng)
    metastases = scatter_metastases(places, appearance, count, rng)
    mimics = scatter_mimics(places, appearance, rng)
    later = treated(metastases, rng)
    new = scatter_metastases(places, appearance, int(rng.integers(1, 5)), rng, fate="new")
    response = float(rng.uniform(0, LARGEST_RESPONSE))
    scars = ablation_scars(metastases, later)
    return LiverState(metastases, mimics), LiverState(later + new, mimics + scars, response)


def _examine(
    abdomen: Abdomen,
    appearance: LiverAppearance,
    state: LiverState,
    grid: Grid,
    breathing_mm: float,
    rng: np.random.Generator,
) -> LiverExamination:
    points, texture = _posed(_points(grid), rng), _texture(grid.shape, rng)
    painted = _healthy(abdomen, appearance, points, texture)
    softness = float(np.mean(grid.spacing[:2]) + grid.spacing[2]) / 2
    place = _Place(points, filled(abdomen.liver(points), softness), texture, softness)
    labels = np.zeros(grid.shape, dtype=bool)
    # A metastasis is painted over a mimic that it meets, never the reverse.
    for lesion in [*state.mimics, *state.metastases]:
        tissues = lesion_tissues(lesion.kind, appearance)
        signal = _lesion_signal(lesion, tissues, appearance, state.response)
        inside = _paint_lesion(painted, lesion, signal, tissues.rim_share * lesion.radius_mm, place)
        if lesion.kind in METASTASES:
            labels |= inside
    organ = place.liver > 0.5
    dce, dwi = acquired(painted, grid, appearance.noise, breathing_mm, rng)
    return LiverExamination(
        dce, dwi, grid.image(organ.astype(np.uint8)), grid.image((labels & organ).astype(np.uint8))
    )


@dataclass(frozen=True)
class _Place:
    """Where lesions are painted: points in mm, the part of each voxel that is liver, texture, size of a voxel."""

    points: Points
    liver: Volume
    texture: Volume
    softness_mm: float


def _points(grid: Grid) -> Points:
    x, y, z = (
        np.float32(o) + np.float32(s) * np.arange(n, dtype=np.float32)
        for n, s, o in zip(grid.size, grid.spacing, grid.origin, strict=True)
    )
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    return x, y, z


def _posed(points: Points, rng: np.random.Generator) -> Points:
    """The patient lies a little differently and breathes in to another depth at every examination."""
    angles = np.deg2rad(rng.normal(0, (0.8, 0.8, 1.5)))
    pose = sitk.Euler3DTransform()
    pose.SetRotation(*map(float, angles))
    matrix = np.array(pose.GetMatrix(), dtype=np.float32).reshape(3, 3)
    shift = rng.normal(0, (2.0, 2.0, 3.0)).astype(np.float32)
    x, y, z = (
        sum(m * p for m, p in zip(row, points, strict=True)) + s for row, s in zip(matrix, shift, strict=True)
    )
    return x, y, z


def _texture(shape: tuple[int, ...], rng: np.random.Generator) -> Volume:
    return 1 + 0.03 * smooth_field(shape, (0.6, 1.5, 1.5), rng) + 0.03 * smooth_field(shape, (2, 6, 6), rng)


def _healthy(abdomen: Abdomen, appearance: LiverAppearance, points: Points, texture: Volume) -> Volume:
    """The abdomen without lesions, (phases + b-values, Z, Y, X)."""
    tissues = healthy_tissues(appearance)
    painted = np.zeros((CHANNELS, *texture.shape), dtype=np.float32)
    for name, depth in abdomen.organs(points):
        _paint(painted, filled(depth, 2.0), signals(tissues[name], appearance.bolus), texture)
    return painted


def _paint(painted: Volume, occupancy: Volume, signal: Volume, texture: Volume) -> None:
    """Cover `painted` by a tissue's signal as far as its shape fills each voxel."""
    box = _box(occupancy > 0)
    if box is None:
        return
    for channel, value in zip(painted, signal, strict=True):
        channel[box] += occupancy[box] * (value * texture[box] - channel[box])


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    found = ndimage.find_objects(mask.astype(np.uint8))
    return found[0] if found else None


def _paint_lesion(
    painted: Volume,
    lesion: LiverLesion,
    signal: tuple[Signal, Signal],
    rim_mm: float,
    place: _Place,
) -> NDArray[np.bool_]:
    """Paint core and rim of a lesion; returns where it fills more than half of a voxel."""
    inside = np.zeros(place.liver.shape, dtype=bool)
    near = np.ones(inside.shape, dtype=bool)
    for p, c in zip(place.points, lesion.centre_mm, strict=True):
        near &= np.abs(p - np.float32(c)) < lesion.reach_mm
    box = _box(near)
    if box is None or lesion.radius_mm <= 0:
        return inside
    x, y, z = (p[box] for p in place.points)
    depth = lesion.depth((x, y, z))
    occupancy = filled(depth, place.softness_mm) * place.liver[box]
    core_part = filled(depth - np.float32(rim_mm), place.softness_mm)
    for channel, core, rim in zip(painted, *signal, strict=True):
        value = core_part * core + (1 - core_part) * rim
        channel[box] += occupancy * (value * place.texture[box] - channel[box])
    inside[box] = occupancy > 0.5
    return inside


def _lesion_signal(
    lesion: LiverLesion, tissues: LesionTissues, appearance: LiverAppearance, response: float
) -> tuple[Signal, Signal]:
    """Signal of core and rim, a little different from lesion to lesion; metastases are calmed by treatment."""
    own = np.random.default_rng([lesion.shape_seed, 1]).normal(1, 0.07, 3)
    if lesion.kind not in METASTASES:
        core, rim = (
            signals(tissue.scaled(t1=own[0], adc=own[1], flow=own[2]), appearance.bolus)
            for tissue in (tissues.core, tissues.rim)
        )
        return core, rim
    liver = signals(healthy_tissues(appearance)["liver"], appearance.bolus)
    tumour = appearance.tumour * (1 - 0.3 * response)
    factors = {"t1": own[0], "adc": own[1] * (1 + 0.3 * response), "flow": own[2] * (1 - 0.6 * response)}
    core, rim = (
        liver + np.float32(tumour) * (signals(tissue.scaled(**factors), appearance.bolus) - liver)
        for tissue in (tissues.core, tissues.rim)
    )
    return core, rim
