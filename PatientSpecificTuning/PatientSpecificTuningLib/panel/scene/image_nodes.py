"""Volume and sequence nodes made from images."""

from __future__ import annotations

import SimpleITK as sitk
import slicer

from ...engine.images.geometry import Grid
from .removal import removeNode
from .segments import ijkToRas


def volumeNode(image: sitk.Image, name: str, kind: str = "vtkMRMLScalarVolumeNode"):
    """A volume node with the voxels and the geometry of an image."""
    node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijkToRas(Grid.of(image))))
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
        removeNode(volume)
    return sequence
