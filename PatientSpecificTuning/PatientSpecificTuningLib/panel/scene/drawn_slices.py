"""What is drawn on single slices of a segmentation, without bringing all of it onto another grid."""

from __future__ import annotations

import hashlib

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from ...engine.images.geometry import Grid
from .node_images import RAS_TO_LPS
from .node_images import labelImage
from .node_images import parentMatrix

# A slice on which nothing is drawn.
EMPTY = ""


class DrawnSlices:
    """Reads slices of the working grid from the voxels of the segments themselves.

    The slices of both grids are the same, since only the order and the direction of the axes and the size of the
    pixels differ.

    Args:
        userGrid: the grid of the volume that is drawn on.
        workingGrid: whose slices are asked for.
    """

    def __init__(self, node, userGrid: Grid, workingGrid: Grid) -> None:
        self._node = node
        self._grid = userGrid
        along = np.abs(userGrid.axes.T @ workingGrid.axes[:, 2])
        self._axis = int(np.argmax(along))
        self._working = workingGrid
        across = [spacing for axis, spacing in enumerate(userGrid.spacing) if axis != self._axis]
        self._pixelMm2 = float(np.prod(across))

    def read(self, position: int) -> tuple[str, float]:
        """The content of a slice as a hash, and its marked area in mm2."""
        return self.summary(self._plane(position))

    def all(self) -> dict[int, tuple[str, float]]:
        """The content of every slice on which anything is drawn."""
        found = {position: self.read(position) for position in range(self._working.size[2])}
        return {position: content for position, content in found.items() if content[0] != EMPTY}

    def place(self, position: int) -> tuple[int, int]:
        """Axis (0 is x) and index of a slice on the user's grid."""
        return self._axis, self._userIndex(position)

    def planeOf(self, image: sitk.Image, position: int) -> NDArray[np.bool_]:
        """What an image on the user's grid marks on a slice, as `read` sees what is drawn there."""
        array = sitk.GetArrayViewFromImage(image)
        return np.take(array, self._userIndex(position), axis=2 - self._axis) > 0

    def summary(self, plane: NDArray[np.bool_]) -> tuple[str, float]:
        count = int(np.count_nonzero(plane))
        if not count:
            return EMPTY, 0.0
        digest = hashlib.blake2b(np.packbits(plane).tobytes(), digest_size=8).hexdigest()
        return digest, count * self._pixelMm2

    def _plane(self, position: int) -> NDArray[np.bool_]:
        """What is drawn on a slice, bool, in the order of the two other axes of the user's grid."""
        index = self._userIndex(position)
        sizes = [size for axis, size in reversed(list(enumerate(self._grid.size))) if axis != self._axis]
        plane = np.zeros(sizes, dtype=bool)
        if not 0 <= index < self._grid.size[self._axis]:
            return plane
        for image, label in self._drawn():
            offset = self._offset(image)
            if offset is None:
                return self._resampled(index)
            _addPlane(plane, image, label, offset, self._axis, index)
        return plane

    def _userIndex(self, position: int) -> int:
        x, y, _z = self._working.size
        middle = np.array([(x - 1) / 2, (y - 1) / 2, position]) * self._working.spacing
        lps = np.asarray(self._working.origin) + self._working.axes @ middle
        index = (self._grid.axes.T @ (lps - self._grid.origin)) / self._grid.spacing
        return round(float(index[self._axis]))

    def _drawn(self) -> list:
        segmentation = self._node.GetSegmentation()
        name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        segments = [segmentation.GetNthSegment(i) for i in range(segmentation.GetNumberOfSegments())]
        images = [(segment.GetRepresentation(name), segment.GetLabelValue()) for segment in segments]
        return [(image, label) for image, label in images if image is not None and not image.IsEmpty()]

    def _offset(self, image) -> NDArray[np.int64] | None:
        """By how many voxels the indices of an image differ from those of the user's grid; None on another grid."""
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        toLps = RAS_TO_LPS @ parentMatrix(self._node) @ slicer.util.arrayFromVTKMatrix(matrix)
        grid = np.eye(4)
        grid[:3, :3] = self._grid.axes * self._grid.spacing
        grid[:3, 3] = self._grid.origin
        between = np.linalg.inv(grid) @ toLps
        offset = np.round(between[:3, 3])
        same = np.allclose(between[:3, :3], np.eye(3), atol=1e-3)
        return offset.astype(np.int64) if same and np.allclose(between[:3, 3], offset, atol=0.01) else None

    def _resampled(self, index: int) -> NDArray[np.bool_]:
        array = sitk.GetArrayViewFromImage(labelImage(self._node, self._grid))
        return np.take(array, index, axis=2 - self._axis) > 0


def _addPlane(
    plane: NDArray[np.bool_], image, label: int, offset: NDArray[np.int64], axis: int, index: int
) -> None:
    """Mark on a plane of the user's grid what a segment's image holds there."""
    extent = np.asarray(image.GetExtent()).reshape(3, 2) + offset[:, None]
    shape = tuple((extent[::-1, 1] - extent[::-1, 0] + 1).tolist())
    if not extent[axis, 0] <= index <= extent[axis, 1]:
        return
    values = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)
    part = np.take(values, index - extent[axis, 0], axis=2 - axis) == label
    others = [other for other in (2, 1, 0) if other != axis]
    target, source = [], []
    for other, size in zip(others, plane.shape, strict=True):
        first, last = int(extent[other, 0]), int(extent[other, 1])
        target.append(slice(max(first, 0), min(last + 1, size)))
        source.append(slice(max(-first, 0), max(-first, 0) + max(min(last + 1, size) - max(first, 0), 0)))
    plane[tuple(target)] |= part[tuple(source)]
