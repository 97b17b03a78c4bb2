"""The volume that stands for a sequence of several, such as one phase of a DCE series, in views and in the editor."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _

ROLE, CHANNEL = "PatientSpecificTuning.Shown", "PatientSpecificTuning.Channel"


def channelCount(node) -> int:
    """Number of volumes in a volume or a sequence of volumes."""
    if node.IsA("vtkMRMLSequenceNode"):
        return node.GetNumberOfDataNodes()
    image = node.GetImageData()
    return 1 if image is None else image.GetNumberOfScalarComponents()


def shownVolume(node, channel: int):
    """The node itself where it is one volume; otherwise a scalar volume that is filled with this channel.

    Args:
        channel: counted from 0; the last one is taken where there are fewer.
    """
    count = channelCount(node)
    if count == 1 and not node.IsA("vtkMRMLSequenceNode"):
        return node
    channel = min(channel, count - 1)
    shown = node.GetNodeReference(ROLE)
    if shown is None:
        shown = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        node.SetNodeReferenceID(ROLE, shown.GetID())
    if shown.GetAttribute(CHANNEL) != str(channel):
        _fill(shown, node, channel)
    return shown


def _fill(shown, node, channel: int) -> None:
    isSequence = node.IsA("vtkMRMLSequenceNode")
    source = node.GetNthDataNode(channel) if isSequence else node
    array = slicer.util.arrayFromVolume(source)
    matrix = vtk.vtkMatrix4x4()
    source.GetIJKToRASMatrix(matrix)
    shown.SetIJKToRASMatrix(matrix)
    slicer.util.updateVolumeFromArray(shown, array if array.ndim == 3 else array[..., channel])
    shown.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    shown.SetName(_("{name}, volume {number}").format(name=node.GetName(), number=channel + 1))
    if shown.GetDisplayNode() is None:
        shown.CreateDefaultDisplayNodes()
    shown.SetAttribute(CHANNEL, str(channel))
