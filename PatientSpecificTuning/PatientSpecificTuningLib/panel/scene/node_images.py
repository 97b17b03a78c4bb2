"""Images of MRML nodes as the engine reads them, in the patient's coordinates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _
from vtk.util import numpy_support

from ...engine.errors import InputError
from ...engine.images.geometry import Grid
from ...engine.images.geometry import resample_labelmap

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def volumeImages(node) -> list[sitk.Image]:
    """Every channel of a volume or of a sequence of volumes, see `eachImage`."""
    return list(eachImage(node))


def eachImage(node) -> Iterator[sitk.Image]:
    """One channel of a volume or of a sequence of volumes after the other, float32, LPS, parent transforms applied.

    Raises:
        InputError: the node has no image, or its transform is not linear.
    """
    if node.IsA("vtkMRMLSequenceNode"):
        for i in range(node.GetNumberOfDataNodes()):
            yield from eachImage(node.GetNthDataNode(i))
        return
    if node.GetImageData() is None:
        raise InputError(_("{name} has no image; load it again.").format(name=node.GetName()))
    array = slicer.util.arrayFromVolume(node)
    for i in range(1 if array.ndim == 3 else array.shape[-1]):
        channel = array if array.ndim == 3 else array[..., i]
        yield _image(channel.astype(np.float32), ijkToLps(node), node.GetName())


def labelImage(node, grid: Grid | None = None) -> sitk.Image:
    """Everything that a labelmap, a mask volume or a segmentation marks, uint8 0/1.

    Args:
        grid: bring it there; None keeps the grid of the node.

    Raises:
        InputError: the node is empty, or its transform is not linear.
    """
    image = _segmentsImage(node) if node.IsA("vtkMRMLSegmentationNode") else _labelmapImage(node)
    return image if grid is None else resample_labelmap(image, grid)


def gridOf(node) -> Grid:
    """The grid of a volume in the patient's coordinates, parent transforms applied."""
    size = node.GetImageData().GetDimensions()
    spacing, origin, direction = _geometry(ijkToLps(node), node.GetName())
    return Grid(tuple(size), spacing, origin, direction)


def ijkToLps(node) -> NDArray[np.float64]:
    """Matrix 4 x 4 from voxel indices to the patient's LPS coordinates, parent transforms applied.

    Raises:
        InputError: the node is under a transform that is not linear.
    """
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return RAS_TO_LPS @ parentMatrix(node) @ slicer.util.arrayFromVTKMatrix(matrix)


def parentMatrix(node) -> NDArray[np.float64]:
    """Matrix 4 x 4 of all transforms that a node is under, RAS.

    Raises:
        InputError: one of them is not linear.
    """
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        message = _("{name} is under a transform that is not linear; harden the transform first.")
        raise InputError(message.format(name=node.GetName()))
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _labelmapImage(node) -> sitk.Image:
    [image, *_rest] = volumeImages(node)
    return image > 0.5


def _segmentsImage(node) -> sitk.Image:
    segmentation = node.GetSegmentation()
    identifiers = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]
    images = [image for image in (segmentImage(node, identifier) for identifier in identifiers) if image]
    if not images:
        raise InputError(
            _("{name} has no segment with any voxel; draw or choose another.").format(name=node.GetName())
        )
    united = images[0]
    for image in images[1:]:
        united = sitk.Or(united, resample_labelmap(image, Grid.of(united)))
    return united


def segmentImage(node, identifier: str) -> sitk.Image | None:
    """One segment as uint8 0/1, as far as it extends; None where it is empty."""
    oriented = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(identifier, oriented)
    first_x, last_x, first_y, last_y, first_z, last_z = oriented.GetExtent()
    if last_x < first_x or last_y < first_y or last_z < first_z:
        return None
    values = numpy_support.vtk_to_numpy(oriented.GetPointData().GetScalars())
    shape = (last_z - first_z + 1, last_y - first_y + 1, last_x - first_x + 1)
    matrix = vtk.vtkMatrix4x4()
    oriented.GetImageToWorldMatrix(matrix)
    to_lps = RAS_TO_LPS @ parentMatrix(node) @ slicer.util.arrayFromVTKMatrix(matrix)
    to_lps[:, 3] = to_lps @ [first_x, first_y, first_z, 1]
    return _image((values.reshape(shape) > 0).astype(np.uint8), to_lps, node.GetName())


def _image(array: NDArray[np.generic], to_lps: NDArray[np.float64], name: str) -> sitk.Image:
    spacing, origin, direction = _geometry(to_lps, name)
    return Grid(array.shape[::-1], spacing, origin, direction).image(array)


def _geometry(
    to_lps: NDArray[np.float64], name: str
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    columns = to_lps[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if not (spacing > 0).all():
        raise InputError(_("{name} has a spacing of 0; load it again.").format(name=name))
    direction = columns / spacing
    return tuple(spacing.tolist()), tuple(to_lps[:3, 3].tolist()), tuple(direction.ravel().tolist())
