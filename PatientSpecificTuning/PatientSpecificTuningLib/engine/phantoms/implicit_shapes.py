"""Solid shapes as depth below their surface in mm: positive inside, negative outside, known at any point.

Points are three arrays of one shape: x, y and z in LPS mm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Depth = NDArray[np.floating]
Points = tuple[Depth, Depth, Depth]
Place = Sequence[float] | NDArray[np.floating]


def ellipsoid(points: Points, centre: Place, half_axes: Place) -> Depth:
    """Depth below the surface of an ellipsoid, to first order; an infinite half axis gives a cylinder."""
    scaled = [(p - c) / np.float32(a) for p, c, a in zip(points, centre, half_axes, strict=True)]
    radius = np.sqrt(sum(s * s for s in scaled)) + np.float32(1e-6)
    slope = np.sqrt(sum((s / np.float32(a)) ** 2 for s, a in zip(scaled, half_axes, strict=True)))
    return radius * (1 - radius) / (slope + np.float32(1e-6))


def tube(points: Points, first: Place, last: Place, radii: tuple[float, float]) -> Depth:
    """Depth below the surface of a straight tube whose radius changes from end to end."""
    start, axis = np.asarray(first), np.subtract(last, first)
    offsets = [p - np.float32(c) for p, c in zip(points, start, strict=True)]
    along = sum(o * np.float32(a) for o, a in zip(offsets, axis, strict=True)) / np.float32(axis @ axis)
    along = np.clip(along, 0, 1)
    distance = np.sqrt(sum((o - along * np.float32(a)) ** 2 for o, a in zip(offsets, axis, strict=True)))
    return np.float32(radii[0]) + along * np.float32(radii[1] - radii[0]) - distance


def united(first: Depth, second: Depth, blend_mm: float) -> Depth:
    """Both shapes together, with a crease filled over about `blend_mm`."""
    near = np.clip(1 - np.abs(first - second) / np.float32(blend_mm), 0, 1)
    return np.maximum(first, second) + near * near * np.float32(blend_mm / 4)


def filled(depth: Depth, softness_mm: float) -> Depth:
    """The part of a voxel inside the shape, 0 to 1, for voxels about `softness_mm` wide."""
    return np.clip(depth / np.float32(softness_mm) + np.float32(0.5), 0, 1)
