"""How well two examinations were brought together, by the organ masks of both."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from .geometry import Grid
from .geometry import resample_labelmap

# Masks of one organ that were made twice differ about as much without any misalignment.
LEAST_OVERLAP, LARGEST_EDGE_MM = 0.90, 3.0

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RegistrationQuality:
    """Overlap and edges of the organ masks, and how far the transform moves the organ.

    Attributes:
        organ_overlap: Dice of the masks where both examinations show something, None where they never meet.
        edge_distance_mm: mean distance from the edge of one mask to that of the other, both ways.
        edge_distance_95_mm: the larger of the two 95th percentiles.
        shift_mm: how far the centre of the organ moves.
        rotation_degrees: by which angle the organ turns.
    """

    organ_overlap: float | None
    edge_distance_mm: float | None
    edge_distance_95_mm: float | None
    shift_mm: float
    rotation_degrees: float

    @property
    def good(self) -> bool:
        """Whether the organs lie on each other as well as two masks of one organ do."""
        overlap, edge = self.organ_overlap, self.edge_distance_mm
        return (
            overlap is not None and edge is not None and overlap >= LEAST_OVERLAP and edge <= LARGEST_EDGE_MM
        )

    @property
    def sentence(self) -> str:
        """What the user is told."""
        if self.organ_overlap is None or self.edge_distance_mm is None:
            return "The organs of both examinations do not meet: the examinations are not registered."
        measured = f"organ overlap {self.organ_overlap:.2f}, edges {self.edge_distance_mm:.1f} mm apart"
        if self.good:
            return f"The examinations lie on each other ({measured})."
        return f"The examinations do not lie well on each other ({measured}): look at both before you trust a change."

    def as_dict(self) -> dict[str, Any]:
        """The values, whether they are good, and the sentence, as JSON values."""
        return {**asdict(self), "good": self.good, "sentence": self.sentence}


def registration_quality(
    transform: sitk.Transform, moving_organ: sitk.Image, fixed_organ: sitk.Image
) -> RegistrationQuality:
    """Compare the organ masks where both examinations show something.

    Args:
        transform: from points of the fixed image to points of the moving one.
        moving_organ: uint8 0/1.
        fixed_organ: uint8 0/1.
    """
    grid = Grid.of(fixed_organ)
    everywhere = sitk.Add(sitk.Multiply(moving_organ, 0), 1)
    shown = sitk.GetArrayFromImage(resample_labelmap(everywhere, grid, transform)) > 0
    moving = sitk.GetArrayFromImage(resample_labelmap(moving_organ, grid, transform)) > 0
    organ = sitk.GetArrayFromImage(fixed_organ) > 0
    fixed = organ & shown
    shift, rotation = _motion(transform, fixed if fixed.any() else organ, fixed_organ)
    if not (moving & fixed).any():
        return RegistrationQuality(None, None, None, shift, rotation)
    overlap = 2 * np.count_nonzero(moving & fixed) / (np.count_nonzero(moving) + np.count_nonzero(fixed))
    there, back = _edge_distances(moving, fixed, shown, grid)
    edges = float(np.concatenate([there, back]).mean()) if there.size and back.size else None
    tails = [float(np.percentile(part, 95)) for part in (there, back) if part.size]
    return RegistrationQuality(float(overlap), edges, max(tails, default=None), shift, rotation)


def _edge_distances(
    moving: Mask, fixed: Mask, shown: Mask, grid: Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances in mm of the edge of each mask from that of the other, away from where an image ends."""
    square = np.ones((1, 3, 3), dtype=bool)
    inner = ndimage.binary_erosion(shown, structure=np.ones((3, 3, 3), dtype=bool))
    box = ndimage.find_objects((moving | fixed).astype(np.uint8))[0]
    edges = [
        (mask & ~ndimage.binary_erosion(mask, structure=square, border_value=1) & inner)[box]
        for mask in (moving, fixed)
    ]
    if not all(edge.any() for edge in edges):
        return np.empty(0), np.empty(0)
    sampling = grid.spacing[::-1]
    there = ndimage.distance_transform_edt(~edges[1], sampling=sampling)[edges[0]]
    back = ndimage.distance_transform_edt(~edges[0], sampling=sampling)[edges[1]]
    return there, back


def _motion(transform: sitk.Transform, organ: Mask, image: sitk.Image) -> tuple[float, float]:
    """Shift of the organ's centre in mm and rotation about it in degrees, of the rigid motion nearest to it."""
    centre = np.array(
        image.TransformContinuousIndexToPhysicalPoint(np.argwhere(organ).mean(axis=0)[::-1].tolist())
    )
    arm = 50.0
    points = np.concatenate([centre + arm * np.eye(3), centre - arm * np.eye(3)])
    moved = np.array([transform.TransformPoint(point.tolist()) for point in points])
    shift = float(np.linalg.norm(moved.mean(axis=0) - centre))
    u, _, vt = np.linalg.svd((moved - moved.mean(axis=0)).T @ (points - centre))
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1, 1)
    return shift, float(np.degrees(np.arccos(cosine)))
