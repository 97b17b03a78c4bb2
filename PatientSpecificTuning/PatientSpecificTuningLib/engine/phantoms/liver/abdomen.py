"""The anatomy of a phantom abdomen: where its organs and vessels lie, by seed.

Coordinates are LPS mm about the middle of the liver's height: x to the patient's left, y to the back, z to the
head. Sizes and places are those of an adult, rounded; no patient's anatomy is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..implicit_shapes import Depth
from ..implicit_shapes import Place
from ..implicit_shapes import Points
from ..implicit_shapes import ellipsoid
from ..implicit_shapes import tube
from ..implicit_shapes import united
from ..random_fields import SmoothWaves

ENDLESS = 1e5
MUSCLE_WALL_MM, BACK_MUSCLE_MM = 9.0, 14.0
# Half the width of the abdominal cavity for which the organs' places are given.
STANDARD_HALF_WIDTH_MM = 116.0
SMALLEST_VESSEL_MM = 1.3
# Centre and half axes.
GALLBLADDER = ((-42.0, -52.0, -44.0), (13.0, 19.0, 26.0))
HILUM = (-22.0, -2.0, -16.0)
# Ends and radii of the part of the portal vein outside the liver.
PORTAL_TRUNK = ((8.0, 12.0, -46.0), HILUM, (6.5, 6.5))


@dataclass(frozen=True)
class Vessel:
    """A straight piece of a blood vessel in standard coordinates."""

    first: tuple[float, ...]
    last: tuple[float, ...]
    radii_mm: tuple[float, float]


class Abdomen:
    """One patient's anatomy, known at any point.

    Attributes:
        half_width_mm: of the body.
        half_depth_mm: of the body, front to back.
        fat_mm: thickness of the fat under the skin.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.half_width_mm = float(rng.uniform(132, 142))
        self.half_depth_mm = float(self.half_width_mm * rng.uniform(0.70, 0.75))
        self.fat_mm = float(rng.uniform(7, 17))
        self._cavity_half_width = self.half_width_mm - self.fat_mm - MUSCLE_WALL_MM
        self._scale = self._cavity_half_width / STANDARD_HALF_WIDTH_MM
        self._liver_stretch = rng.uniform(0.93, 1.07, 3)
        self._left_lobe = float(rng.uniform(0.75, 1.15))
        self._waves = [SmoothWaves(90.0, rng) for _ in range(3)]
        self._portal = list(_portal_tree(rng))
        self._hepatic = list(_hepatic_tree(rng))

    def _standard(self, points: Points) -> Points:
        """Points of this patient in the coordinates in which all organs' places are given."""
        shifts = [np.float32(3.5) * wave(points) for wave in self._waves]
        x, y, z = (p + s for p, s in zip(points, shifts, strict=True))
        return x / np.float32(self._scale), y / np.float32(self._scale), z

    def body(self, points: Points) -> Depth:
        """Depth below the skin."""
        return ellipsoid(points, (0, 0, 0), (self.half_width_mm, self.half_depth_mm, ENDLESS))

    def _cavity(self, points: Points) -> Depth:
        front_to_back = self.half_depth_mm - self.fat_mm - (MUSCLE_WALL_MM + BACK_MUSCLE_MM) / 2
        middle = -(BACK_MUSCLE_MM - MUSCLE_WALL_MM) / 2
        return ellipsoid(points, (0, middle, 0), (self._cavity_half_width, front_to_back, ENDLESS))

    def liver(self, points: Points) -> Depth:
        """Depth below the surface of the liver, its vessels included."""
        return self._liver(points, self._standard(points))

    def _liver(self, points: Points, standard: Points) -> Depth:
        stretch, left = self._liver_stretch, self._left_lobe
        right_lobe = ellipsoid(standard, (-60, -6, -2), np.array([62, 76, 62]) * stretch)
        left_lobe = ellipsoid(standard, (2, -46, 20), np.array([64 * left, 27, 34]) * stretch)
        depth = united(right_lobe, left_lobe, 24)
        depth = united(depth, ellipsoid(standard, (-12, 2, 14), (20, 18, 26)), 14)
        hollow = united(
            ellipsoid(standard, (4, 26, -52), (62, 58, 52)),
            ellipsoid(standard, (-52, 48, -46), (34, 30, 56)),
            10,
        )
        hollow = np.maximum(hollow, ellipsoid(standard, (4, 60, 0), (52, 32, ENDLESS)))
        hollow = np.maximum(hollow, ellipsoid(standard, *GALLBLADDER))
        return np.minimum(np.minimum(depth, -hollow), self._cavity(points) - 1)

    def organs(self, points: Points) -> Iterator[tuple[str, Depth]]:
        """Tissue names and depths in painting order: later ones cover earlier ones."""
        standard = self._standard(points)
        body, cavity = self.body(points), self._cavity(points)
        yield "fat", body
        yield "muscle", body - self.fat_mm
        yield "fat", cavity
        yield "air", np.minimum(cavity, standard[2] - _lung_floor(standard))
        yield from _spine(standard)
        yield from _bowel(standard, cavity)
        yield "blood", ellipsoid(standard, (26, -34, 84), (46, 38, 40))
        for centre in ((-52, 50, -46), (56, 48, -42)):
            yield from _kidney(standard, centre)
        hilum = ellipsoid(standard, (62, 16, 12), (24, 26, 40))
        spleen = ellipsoid(standard, (84, 34, 16), (30, 40, 46))
        yield "spleen", np.minimum(np.minimum(spleen, -hilum), cavity - 2)
        yield from _stomach(standard, cavity)
        liver = self._liver(points, standard)
        yield "liver", liver
        yield "bile", ellipsoid(standard, *GALLBLADDER)
        yield "vein", ellipsoid(standard, (-20, 22, 0), (12, 10, ENDLESS))
        yield "artery", ellipsoid(standard, (10, 36, 0), (10, 10, ENDLESS))
        yield "portal vein", tube(standard, *PORTAL_TRUNK)
        yield "portal vein", np.minimum(_vessels(standard, self._portal), liver - 1)
        yield "vein", np.minimum(_vessels(standard, self._hepatic), liver - 1)


def _lung_floor(standard: Points) -> Depth:
    return 32 - np.float32(0.004) * (np.abs(standard[0]) - 55) ** 2 - np.float32(0.0015) * standard[1] ** 2


def _spine(standard: Points) -> Iterator[tuple[str, Depth]]:
    yield "muscle", ellipsoid(standard, (0, 62, 0), (44, 26, ENDLESS))
    yield "marrow", ellipsoid(standard, (0, 57, 0), (22, 17, ENDLESS))
    yield "water", ellipsoid(standard, (0, 79, 0), (9, 6, ENDLESS))


def _bowel(standard: Points, cavity: Depth) -> Iterator[tuple[str, Depth]]:
    loops = ((30, -40, -58), (66, -14, -62), (-4, -46, -66), (4, -6, -46), (34, 0, -34))
    for centre in loops:
        loop = np.minimum(ellipsoid(standard, centre, (19, 16, 18)), cavity - 2)
        yield "bowel", loop
        yield "contents", loop - 4


def _kidney(standard: Points, centre: Place) -> Iterator[tuple[str, Depth]]:
    kidney = ellipsoid(standard, centre, (25, 23, 52))
    yield "kidney cortex", kidney
    yield "kidney medulla", kidney - 8
    yield "fat", kidney - 17


def _stomach(standard: Points, cavity: Depth) -> Iterator[tuple[str, Depth]]:
    stomach = np.minimum(ellipsoid(standard, (46, -24, 14), (38, 32, 44)), cavity - 2)
    yield "bowel", stomach
    yield "contents", stomach - 4
    yield "air", np.minimum(stomach - 4, -26 - standard[1])


def _vessels(standard: Points, vessels: list[Vessel]) -> Depth:
    depth = np.full(standard[0].shape, -ENDLESS, dtype=np.float32)
    for vessel in vessels:
        middle = np.add(vessel.first, vessel.last) / 2
        reach = np.abs(np.subtract(vessel.first, vessel.last)) / 2 + max(vessel.radii_mm) + 6
        near = np.ones(depth.shape, dtype=bool)
        for p, c, r in zip(standard, middle, reach, strict=True):
            near &= np.abs(p - np.float32(c)) < r
        x, y, z = (p[near] for p in standard)
        depth[near] = np.maximum(depth[near], tube((x, y, z), vessel.first, vessel.last, vessel.radii_mm))
    return depth


def _portal_tree(rng: np.random.Generator) -> Iterator[Vessel]:
    right, left = (-50.0, 2.0, -6.0), (2.0, -34.0, 12.0)
    yield Vessel(HILUM, right, (5.5, 5.0))
    yield Vessel(HILUM, left, (5.0, 4.0))
    for towards in ((-0.6, -0.7, 0.4), (-0.7, 0.6, 0.2), (-0.6, -0.2, -0.7)):
        yield from _branches(right, towards, 34.0, 4.0, rng)
    yield from _branches(left, (0.7, -0.3, 0.3), 26.0, 3.2, rng)


def _hepatic_tree(rng: np.random.Generator) -> Iterator[Vessel]:
    confluence = (-20.0, 20.0, 40.0)
    for towards in ((-0.9, 0.1, -0.35), (-0.45, -0.75, -0.45), (0.3, -0.9, -0.2)):
        yield from _branches(confluence, towards, 42.0, 4.6, rng)


def _branches(
    start: Place, towards: Place, length_mm: float, radius_mm: float, rng: np.random.Generator
) -> Iterator[Vessel]:
    direction = np.asarray(towards) + 0.12 * rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    end = np.asarray(start) + length_mm * direction
    thinner = 0.72 * radius_mm
    yield Vessel(tuple(map(float, start)), tuple(map(float, end)), (radius_mm, 0.85 * radius_mm))
    if thinner > SMALLEST_VESSEL_MM:
        side = np.cross(direction, rng.standard_normal(3))
        side /= np.linalg.norm(side)
        for lean in (0.45, -0.75):
            yield from _branches(end, direction + lean * side, 0.74 * length_mm, thinner, rng)
