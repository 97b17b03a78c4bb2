"""The volume that stands for a sequence of several, such as one phase of a DCE series, in views and in the editor."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _

from .node_facts import volumeCount

ROLE, CHANNEL = "PatientSpecificTuning.Shown", "PatientSpecificTuning.Channel"


def shownVolume(node, channel: int):
    """The node itself where it is one volume; otherwise a scalar volume that is filled with this channel.

    Args:
        channel: counted from 0; the last one is taken where there are fewer.
    """
    count = volumeCount(node)
    if count < 2 and not node.IsA("vtkMRMLSequenceNode"):
        return node
    channel = min(channel, count - 1)
    shown = node.GetNodeReference(ROLE)
    if shown is None:
        # The name says no number: renaming the volume makes selectors choose it anew, and views with them.
        name = _("{name}, shown volume").format(name=node.GetName())
        shown = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        shown.SetHideFromEditors(True)
        node.SetNodeReferenceID(ROLE, shown.GetID())
    stamp = f"{channel} {_stamp(node)}"
    if shown.GetAttribute(CHANNEL) != stamp:
        _fill(shown, node, channel)
        shown.SetAttribute(CHANNEL, stamp)
    return shown


def _stamp(node) -> int:
    """What changes when the voxels of the node change."""
    if node.IsA("vtkMRMLSequenceNode"):
        return node.GetNumberOfDataNodes()
    return node.GetImageData().GetMTime()


def _fill(shown, node, channel: int) -> None:
    isSequence = node.IsA("vtkMRMLSequenceNode")
    source = node.GetNthDataNode(channel) if isSequence else node
    array = slicer.util.arrayFromVolume(source)
    matrix = vtk.vtkMatrix4x4()
    source.GetIJKToRASMatrix(matrix)
    shown.SetIJKToRASMatrix(matrix)
    slicer.util.updateVolumeFromArray(shown, array if array.ndim == 3 else array[..., channel])
    shown.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    if shown.GetDisplayNode() is None:
        shown.CreateDefaultDisplayNodes()
