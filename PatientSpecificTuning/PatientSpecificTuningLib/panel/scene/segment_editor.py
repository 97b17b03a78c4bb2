"""The embedded Segment Editor: it holds the corrections of the shown baseline while they are corrected, and nothing else."""

from __future__ import annotations

import slicer

from .corrections import BASELINE

NODE_TAG = "PatientSpecificTuning"
FIRST_EFFECT = "Paint"


class SegmentEditor:
    """Keeps the editor widget, its node and its keys in step with what is corrected."""

    def __init__(self, widget) -> None:
        self._widget = widget
        self._node = None
        self._edited = ("", "", "")
        # The widget chooses a segmentation by itself where it can; only corrections are offered.
        widget.segmentationNodeSelectorAddAttribute("vtkMRMLSegmentationNode", BASELINE)

    def attach(self) -> None:
        """Select the editor node of the scene, made where it is not there yet."""
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(NODE_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(NODE_TAG)
            # A brush that is loaded before what it draws on cannot be taken up.
            node.SetSaveWithScene(False)
            node = scene.AddNode(node)
        self._node = node
        self._widget.setMRMLSegmentEditorNode(node)
        self._widget.setMRMLScene(scene)

    def detach(self) -> None:
        """The scene goes away."""
        self.leave()
        self._widget.setSegmentationNode(None)
        self._widget.removeViewObservations()
        self._node = None

    def release(self) -> None:
        """The widget goes away: it must not follow a node that the next widget uses."""
        self.leave()
        self._widget.setMRMLSegmentEditorNode(None)
        self._widget.setMRMLScene(None)
        self._node = None

    def edit(self, segmentation, segmentId: str, volume) -> bool:
        """Draw on a segment over a volume; what is edited already is left as it is, with its effect.

        Returns:
            whether it was not edited yet.
        """
        if self._node is None:
            self.attach()
        _showForDrawing(segmentation, segmentId)
        wanted = (segmentation.GetID(), segmentId, volume.GetID())
        isHeld = (
            self._widget.segmentationNodeID() == wanted[0] and self._widget.sourceVolumeNodeID() == wanted[2]
        )
        if wanted == self._edited and isHeld:
            return False
        isAnother = not self._edited[0] or self._edited[0] != wanted[0]
        self._edited = wanted
        self._widget.setReadOnly(False)
        self._widget.setSegmentationNode(segmentation)
        self._widget.setSourceVolumeNode(volume)
        self._widget.setCurrentSegmentID(segmentId)
        if isAnother:
            self._widget.installKeyboardShortcuts()
            self._widget.setActiveEffectByName(FIRST_EFFECT)
        return True

    def leave(self) -> bool:
        """Nothing is edited: no effect over the images, no key taken, nothing that a stroke could change.

        Returns:
            whether anything was.
        """
        if not self._edited[0] and self._widget.activeEffect() is None:
            return False
        self._edited = ("", "", "")
        self._widget.setActiveEffect(None)
        self._widget.uninstallKeyboardShortcuts()
        self._widget.setSegmentationNode(None)
        self._widget.setReadOnly(True)
        return True


def _showForDrawing(segmentation, segmentId: str) -> None:
    """Whatever hid it, a loaded scene or a click: a stroke on something hidden makes Slicer stop and ask."""
    display = segmentation.GetDisplayNode()
    if display is None:
        segmentation.CreateDefaultDisplayNodes()
        display = segmentation.GetDisplayNode()
    if not display.GetVisibility():
        display.SetVisibility(True)
    if not display.GetSegmentVisibility(segmentId):
        display.SetSegmentVisibility(segmentId, True)
