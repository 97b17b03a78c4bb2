"""Volume and sequence nodes made from images."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import slicer

from ...engine.images.geometry import Grid
from .node_images import RAS_TO_LPS


def volumeNode(image: sitk.Image, name: str):
    """A scalar volume node with the voxels and the geometry of an image."""
    grid = Grid.of(image)
    toLps = np.eye(4)
    toLps[:3, :3] = grid.axes * grid.spacing
    toLps[:3, 3] = grid.origin
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(RAS_TO_LPS @ toLps))
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    node.CreateDefaultDisplayNodes()
    return node


def sequenceNode(images: list[sitk.Image], name: str):
    """A sequence node of volumes, such as the phases of a DCE series, numbered from 1."""
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    for number, image in enumerate(images, start=1):
        volume = volumeNode(image, f"{name} {number}")
        sequence.SetDataNodeAtValue(volume, str(number))
        # The sequence keeps a copy.
        slicer.mrmlScene.RemoveNode(volume)
    return sequence
