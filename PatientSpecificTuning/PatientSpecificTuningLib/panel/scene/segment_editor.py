"""The embedded Segment Editor: its node, shortcuts and observations follow the life of the module."""

from __future__ import annotations

import slicer

NODE_TAG = "PatientSpecificTuning"


class SegmentEditor:
    """Keeps the editor widget and the nodes of the scene together."""

    def __init__(self, widget) -> None:
        self.widget = widget
        self._node = None

    def attach(self) -> None:
        """Select the editor node of the scene, made where it is not there yet."""
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(NODE_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(NODE_TAG)
            node = scene.AddNode(node)
        self._node = node
        self.widget.setMRMLSegmentEditorNode(node)
        self.widget.setMRMLScene(scene)

    def enter(self) -> None:
        """The module is shown: its keys work."""
        if self._node is None:
            self.attach()
        self.widget.setupViewObservations()
        self.widget.installKeyboardShortcuts()
        self.widget.updateWidgetFromMRML()

    def exit(self) -> None:
        """The module is left: its keys and effects do not disturb others."""
        self.widget.setActiveEffect(None)
        self.widget.uninstallKeyboardShortcuts()
        self.widget.removeViewObservations()

    def detach(self) -> None:
        """The scene goes away."""
        self.widget.setSegmentationNode(None)
        self.widget.removeViewObservations()
        self._node = None

    def edit(self, segmentationNode, segmentId: str, volumeNode) -> None:
        """Draw on a segment over a volume."""
        if self._node is None:
            self.attach()
        self.widget.setSegmentationNode(segmentationNode)
        self.widget.setSourceVolumeNode(volumeNode)
        self.widget.setCurrentSegmentID(segmentId)
