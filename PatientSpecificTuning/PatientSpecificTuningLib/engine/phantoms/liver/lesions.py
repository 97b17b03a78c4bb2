"""Focal lesions of a phantom liver: where they lie, how they are shaped, and what treatment makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from ..implicit_shapes import Depth
from ..implicit_shapes import Points
from ..random_fields import SmoothWaves
from .abdomen import Abdomen
from .appearance import LiverAppearance

# Log-normal diameter in mm; about half of the lesions are smaller than 1.0 ml.
LOG_DIAMETER_MEAN, LOG_DIAMETER_SD = np.log(13.0), 0.45
SMALLEST_MM, LARGEST_MM = 6.0, 50.0
# Part of the metastases that stay, grow, shrink, vanish or are ablated until the follow-up.
FATES = {"stable": 0.25, "grown": 0.25, "shrunk": 0.25, "vanished": 0.12, "ablated": 0.13}
ABLATION_MARGIN_MM, LARGEST_ABLATED_MM = 4.0, 18.0
LIVER_BOX_MM = ((-125.0, 75.0), (-90.0, 80.0), (-60.0, 60.0))


@dataclass(frozen=True)
class LiverLesion:
    """A focal lesion: an ellipsoid with an uneven surface.

    Attributes:
        kind: one of `liver_appearance.METASTASES` or `MIMICS`.
        centre_mm: (x, y, z) in the patient's anatomy.
        radius_mm: of the sphere of the same volume; 0 is no lesion.
        stretch: relative lengths of the three half axes, with a product of 1.
        shape_seed: decides surface and individual look, which a lesion keeps between examinations.
        fate: "stable", "grown", "shrunk", "vanished", "ablated" or "new".
    """

    kind: str
    centre_mm: tuple[float, float, float]
    radius_mm: float
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shape_seed: int = 0
    fate: str = "stable"

    def depth(self, points: Points) -> Depth:
        """Depth below the surface in mm at points (x, y, z) in LPS mm; everywhere negative for a radius of 0."""
        if self.radius_mm <= 0:
            return np.full(points[0].shape, -1e3, dtype=np.float32)
        offsets = [
            (p - np.float32(c)) / np.float32(self.radius_mm * s)
            for p, c, s in zip(points, self.centre_mm, self.stretch, strict=True)
        ]
        bumps = SmoothWaves(1.6, np.random.default_rng(self.shape_seed))((offsets[0], offsets[1], offsets[2]))
        radius = np.sqrt(sum(o * o for o in offsets))
        return np.float32(self.radius_mm) * (1 - radius + np.float32(0.09) * bumps)

    @property
    def reach_mm(self) -> float:
        """No part of the lesion is farther from its centre."""
        return 1.4 * self.radius_mm * max(self.stretch) + 4


class LesionPlaces:
    """Free places inside a liver; lesions that are placed do not overlap."""

    def __init__(self, abdomen: Abdomen, rng: np.random.Generator) -> None:
        box = np.array(LIVER_BOX_MM)
        self._places = rng.uniform(box[:, 0], box[:, 1], (6000, 3)).astype(np.float32)
        x, y, z = self._places.T
        self._depth = abdomen.liver((x, y, z))
        self._rng = rng
        self._taken: list[LiverLesion] = []

    def lesion(self, kind: str, diameter_mm: float, fate: str = "stable") -> LiverLesion | None:
        """A lesion of this kind and size at a free place; None when the liver is full."""
        radius = diameter_mm / 2
        free = self._depth > 0.4 * radius
        for taken in self._taken:
            distance = np.linalg.norm(self._places - np.array(taken.centre_mm, np.float32), axis=1)
            free &= distance > taken.radius_mm + 1.3 * radius + ABLATION_MARGIN_MM
        candidates = np.flatnonzero(free)
        if candidates.size == 0:
            return None
        x, y, z = (float(c) for c in self._places[self._rng.choice(candidates)])
        stretch = np.exp(self._rng.normal(0, 0.15, 3))
        first, second, third = (float(s) for s in stretch / np.cbrt(stretch.prod()))
        seed = int(self._rng.integers(2**31))
        lesion = LiverLesion(kind, (x, y, z), radius, (first, second, third), seed, fate)
        self._taken.append(lesion)
        return lesion


def scatter_metastases(
    places: LesionPlaces,
    appearance: LiverAppearance,
    count: int,
    rng: np.random.Generator,
    *,
    fate: str = "stable",
) -> list[LiverLesion]:
    """Metastases of the patient's kinds, as many as there is place for, at most `count`."""
    kinds = list(appearance.kinds)
    shares = np.array([appearance.kinds[kind] for kind in kinds])
    chosen = rng.choice(kinds, size=count, p=shares / shares.sum())
    diameters = rng.lognormal(LOG_DIAMETER_MEAN, LOG_DIAMETER_SD, count)
    # The largest first, while there is place for them.
    diameters = np.sort(np.clip(diameters, SMALLEST_MM, LARGEST_MM))[::-1]
    lesions = [places.lesion(str(kind), float(d), fate) for kind, d in zip(chosen, diameters, strict=True)]
    return [lesion for lesion in lesions if lesion is not None]


def scatter_mimics(
    places: LesionPlaces, appearance: LiverAppearance, rng: np.random.Generator
) -> list[LiverLesion]:
    """The patient's mimics, which are no metastases and carry no label."""
    lesions = [
        places.lesion(kind, float(rng.uniform(7, 30 if kind in ("scar", "focal fat", "shunt") else 20)))
        for kind, count in appearance.mimics.items()
        for _ in range(count)
    ]
    return [lesion for lesion in lesions if lesion is not None]


def treated(lesions: list[LiverLesion], rng: np.random.Generator) -> list[LiverLesion]:
    """The same metastases at follow-up; vanished and ablated ones have a radius of 0."""
    fates = rng.choice(list(FATES), size=len(lesions), p=list(FATES.values()))
    later = []
    for lesion, drawn in zip(lesions, fates, strict=True):
        too_large = drawn == "ablated" and lesion.radius_mm > LARGEST_ABLATED_MM
        fate = "stable" if too_large else str(drawn)
        factor = {
            "stable": rng.uniform(0.94, 1.06),
            "grown": rng.uniform(1.2, 1.6),
            "shrunk": rng.uniform(0.55, 0.82),
        }.get(fate, 0.0)
        later.append(replace(lesion, radius_mm=lesion.radius_mm * float(factor), fate=fate))
    return later


def ablation_scars(before: list[LiverLesion], after: list[LiverLesion]) -> list[LiverLesion]:
    """What ablation left of metastases: larger than they were, and none any more."""
    return [
        replace(early, kind="scar", radius_mm=early.radius_mm + ABLATION_MARGIN_MM, fate="stable")
        for early, late in zip(before, after, strict=False)
        if late.fate == "ablated"
    ]
