"""Lesions of a phantom patient: where they lie, how they are shaped, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Log-normal lesion volume in mm3, fitted to 30 expert-annotated multiple sclerosis patients.
LOG_VOLUME_MEAN, LOG_VOLUME_SD = 3.27, 1.37
SMALLEST_MM3, LARGEST_MM3 = 8.0, 2500.0
CONFLUENT_MM3 = (700.0, 2500.0)
# Part of the lesions that stay, grow, shrink and vanish until the follow-up.
FATES = {"stable": 0.45, "grown": 0.27, "shrunk": 0.20, "vanished": 0.08}


@dataclass(frozen=True)
class PhantomLesion:
    """A lesion: an ellipsoid with an uneven surface.

    Attributes:
        centre: voxel (z, y, x) on the 1 mm anatomy.
        radius_mm: of the sphere of the same volume; 0 and less is no lesion.
        stretch: relative lengths of the three half axes, with a product of 1.
        shape_seed: decides the surface, so that a lesion keeps its shape between examinations.
        fate: "stable", "grown", "shrunk", "vanished" or "new".
    """

    centre: tuple[int, int, int]
    radius_mm: float
    stretch: tuple[float, float, float]
    shape_seed: int
    fate: str = "stable"


def scatter_lesions(
    white_matter: NDArray[np.bool_], ventricles: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> list[PhantomLesion]:
    """Place lesions in white matter, most of them near the ventricles, with the measured size distribution.

    Args:
        white_matter: bool (Z, Y, X), 1 mm.
        ventricles: bool (Z, Y, X), 1 mm.
    """
    distance = _distance_to(ventricles)
    places = np.argwhere(white_matter)
    odds = (0.08 + np.exp(-distance[white_matter] / 6.0)).astype(np.float64)
    chosen = rng.choice(len(places), size=count, replace=False, p=odds / odds.sum())
    volumes = np.clip(rng.lognormal(LOG_VOLUME_MEAN, LOG_VOLUME_SD, count), SMALLEST_MM3, LARGEST_MM3)
    return [_lesion(place, volume, rng) for place, volume in zip(places[chosen], volumes, strict=True)]


def confluent_lesions(
    white_matter: NDArray[np.bool_], ventricles: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> list[PhantomLesion]:
    """Place large lesions that touch the ventricles, as patients with a high lesion load have them.

    Args:
        white_matter: bool (Z, Y, X), 1 mm.
        ventricles: bool (Z, Y, X), 1 mm.
    """
    distance = _distance_to(ventricles)
    places = np.argwhere(white_matter & (distance > 2) & (distance < 6))
    chosen = rng.choice(len(places), size=min(count, len(places)), replace=False)
    volumes = np.exp(rng.uniform(np.log(CONFLUENT_MM3[0]), np.log(CONFLUENT_MM3[1]), len(chosen)))
    return [_lesion(place, volume, rng) for place, volume in zip(places[chosen], volumes, strict=True)]


def _distance_to(ventricles: NDArray[np.bool_]) -> NDArray[np.floating]:
    if not ventricles.any():
        return np.full(ventricles.shape, 15.0)
    return ndimage.distance_transform_edt(~ventricles)


def _lesion(place: NDArray[np.integer], volume_mm3: float, rng: np.random.Generator) -> PhantomLesion:
    stretch = np.exp(rng.normal(0, 0.3, 3))
    stretch = stretch / np.cbrt(stretch.prod())
    return PhantomLesion(
        centre=(int(place[0]), int(place[1]), int(place[2])),
        radius_mm=float(np.cbrt(3 * volume_mm3 / (4 * np.pi))),
        stretch=(float(stretch[0]), float(stretch[1]), float(stretch[2])),
        shape_seed=int(rng.integers(2**31)),
    )


def later_lesions(
    lesions: list[PhantomLesion],
    white_matter: NDArray[np.bool_],
    ventricles: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    new: int = 4,
) -> list[PhantomLesion]:
    """The same lesions at follow-up: stable, grown, shrunk or vanished, and some new ones."""
    later = []
    for lesion, fate in zip(
        lesions, rng.choice(list(FATES), size=len(lesions), p=list(FATES.values())), strict=True
    ):
        change = {
            "stable": rng.uniform(-0.12, 0.12),
            "grown": rng.uniform(0.3, 1.4),
            "shrunk": -rng.uniform(0.3, 1.0),
            "vanished": -np.inf,
        }[str(fate)]
        later.append(replace(lesion, radius_mm=lesion.radius_mm + float(change), fate=str(fate)))
    fresh = scatter_lesions(white_matter, ventricles, new, rng)
    return later + [replace(lesion, radius_mm=max(lesion.radius_mm, 2.5), fate="new") for lesion in fresh]


def occupancy(lesions: list[PhantomLesion], white_matter: NDArray[np.floating]) -> NDArray[np.float32]:
    """The part of each voxel that a lesion fills, float32 (Z, Y, X), inside white matter only."""
    filled = np.zeros(white_matter.shape, dtype=np.float32)
    for lesion in lesions:
        if lesion.radius_mm <= 0.5:
            continue
        box = _box(lesion, white_matter.shape)
        filled[box] = np.maximum(filled[box], _ball(lesion, box))
    return filled * np.clip((white_matter - 0.3) / 0.4, 0, 1).astype(np.float32)


def _box(lesion: PhantomLesion, shape: tuple[int, ...]) -> tuple[slice, ...]:
    reach = int(np.ceil(2.2 * lesion.radius_mm * max(lesion.stretch))) + 2
    return tuple(
        slice(max(0, c - reach), min(n, c + reach + 1)) for c, n in zip(lesion.centre, shape, strict=True)
    )


def _ball(lesion: PhantomLesion, box: tuple[slice, ...]) -> NDArray[np.float32]:
    offsets = np.meshgrid(
        *[np.arange(part.start, part.stop) - c for part, c in zip(box, lesion.centre, strict=True)],
        indexing="ij",
    )
    radii = [lesion.radius_mm * stretch for stretch in lesion.stretch]
    distance = np.sqrt(sum((o / r) ** 2 for o, r in zip(offsets, radii, strict=True)))
    # Noise over the largest possible box, so that a lesion that grows keeps its bumps.
    side = 41
    noise = ndimage.gaussian_filter(
        np.random.default_rng(lesion.shape_seed).standard_normal((side,) * 3), 1.8
    )
    noise = noise / noise.std()
    wrapped = tuple(np.clip(o + side // 2, 0, side - 1) for o in offsets)
    surface = 1 - distance + 0.16 * noise[wrapped]
    return np.clip(surface * lesion.radius_mm + 0.5, 0, 1).astype(np.float32)
