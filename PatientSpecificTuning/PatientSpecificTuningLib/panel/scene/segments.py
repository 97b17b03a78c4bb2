"""Segments made from images as they lie in the patient, whatever node they are shown with."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from ...engine.images.geometry import Grid
from .node_images import RAS_TO_LPS


def orientedImage(image: sitk.Image, moved: NDArray[np.float64] | None = None):
    """The part of a labelmap that holds anything, as Slicer keeps it in segments; None where it is empty.

    A segment that is no larger than what it marks is drawn in a fraction of the time.

    Args:
        moved: 4 x 4, where the image is brought to, RAS mm; None leaves it in its place.
    """
    array = sitk.GetArrayViewFromImage(image) > 0
    if not array.any():
        return None
    ranges = [np.flatnonzero(array.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    (z0, z1), (y0, y1), (x0, x1) = ((int(found[0]), int(found[-1])) for found in ranges)
    part = np.ascontiguousarray(array[z0 : z1 + 1, y0 : y1 + 1, x0 : x1 + 1], dtype=np.uint8)
    oriented = slicer.vtkOrientedImageData()
    oriented.SetExtent(x0, x1, y0, y1, z0, z1)
    oriented.GetPointData().SetScalars(numpy_support.numpy_to_vtk(part.ravel(), deep=True))
    place = ijkToRas(Grid.of(image)) if moved is None else moved @ ijkToRas(Grid.of(image))
    oriented.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(place))
    return oriented


def ijkToRas(grid: Grid) -> NDArray[np.float64]:
    """Matrix 4 x 4 from voxel indices of a grid to RAS mm."""
    toLps = np.eye(4)
    toLps[:3, :3] = grid.axes * grid.spacing
    toLps[:3, 3] = grid.origin
    return RAS_TO_LPS @ toLps


def putPlane(node, segmentId: str, image: sitk.Image, axis: int, index: int) -> None:
    """Let a segment mark on one plane exactly what an image marks there; every other plane stays as it is.

    Args:
        image: on the voxels of the node's reference volume.
        axis: 0 is x; index: of the plane along it.
    """
    array = sitk.GetArrayViewFromImage(image)
    plane = np.ascontiguousarray(np.take(array, [index], axis=2 - axis) > 0, dtype=np.uint8)
    extent = [bound for size in image.GetSize() for bound in (0, size - 1)]
    extent[2 * axis : 2 * axis + 2] = index, index
    oriented = slicer.vtkOrientedImageData()
    oriented.SetExtent(*extent)
    oriented.GetPointData().SetScalars(numpy_support.numpy_to_vtk(plane.ravel(), deep=True))
    reference = node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())
    matrix = vtk.vtkMatrix4x4()
    # Segments lie under the transform of their node, so it is not applied here.
    reference.GetIJKToRASMatrix(matrix)
    oriented.SetImageToWorldMatrix(matrix)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    # Added first, then taken away, as a brush does it; replacing would empty all other planes.
    for mode in (logic.MODE_MERGE_MAX, logic.MODE_MERGE_MIN):
        logic.SetBinaryLabelmapToSegment(oriented, node, segmentId, mode, extent)


def addSegment(
    node,
    name: str,
    color: tuple[float, float, float],
    image: sitk.Image,
    moved: NDArray[np.float64] | None = None,
) -> str:
    """Add a segment that marks what is not 0 in an image, moved where asked; returns its identifier."""
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.SetColor(*color)
    oriented = orientedImage(image, moved) or slicer.vtkOrientedImageData()
    representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segment.AddRepresentation(representation, oriented)
    node.GetSegmentation().AddSegment(segment)
    return node.GetSegmentation().GetSegmentIdBySegment(segment)
