"""Volume and sequence nodes made from images."""

from __future__ import annotations

import SimpleITK as sitk
import slicer

from ...engine.images.geometry import Grid
from .segments import ijkToRas


def volumeNode(image: sitk.Image, name: str, kind: str = "vtkMRMLScalarVolumeNode"):
    """A volume node with the voxels and the geometry of an image, in the scene."""
    # All who look at a node in the scene look again at each of its changes, so it comes there complete.
    node = slicer.mrmlScene.AddNode(_filled(image, name, kind))
    node.CreateDefaultDisplayNodes()
    return node


def sequenceNode(images: list[sitk.Image], name: str):
    """A sequence node of volumes, such as the phases of a DCE series, numbered from 1."""
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    for number, image in enumerate(images, start=1):
        # The sequence keeps a copy.
        volume = _filled(image, f"{name} {number}", "vtkMRMLScalarVolumeNode")
        sequence.SetDataNodeAtValue(volume, str(number))
    return sequence


def _filled(image: sitk.Image, name: str, kind: str):
    node = slicer.mrmlScene.CreateNodeByClass(kind)
    node.UnRegister(None)
    node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijkToRas(Grid.of(image))))
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    return node
