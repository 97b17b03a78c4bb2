"""Where results are in the subject hierarchy: in one folder beside the follow-up, of which nothing stays in a saved scene."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _
from slicer.util import getSubjectHierarchyItemChildren

FOLDER = "PatientSpecificTuning.Results"
# Slicer puts the hierarchy of a loaded scene together at 10 and shows it at 0.
BETWEEN_MERGING_AND_SHOWING = 5.0


def putBeside(volume, nodes: list) -> None:
    """Keep nodes in the folder of results, next to a volume."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = 0 if hierarchy is None or volume is None else hierarchy.GetItemByDataNode(volume)
    if not item or not nodes:
        return
    folder = _folder(hierarchy, hierarchy.GetItemParent(item))
    for node in nodes:
        child = hierarchy.GetItemByDataNode(node)
        if child and hierarchy.GetItemParent(child) != folder:
            hierarchy.SetItemParent(child, folder)


def watchLoadedScenes() -> None:
    """Clean up whenever a scene was loaded, also where the module was not opened yet."""
    scene = slicer.mrmlScene
    scene.AddObserver(scene.EndImportEvent, lambda *_event: removeRemains(), BETWEEN_MERGING_AND_SHOWING)


def removeRemains() -> None:
    """Remove what Slicer saved of results that were not saved: their items, which stand for nothing now."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    everything = getSubjectHierarchyItemChildren(recursive=True)
    for folder in [item for item in everything if hierarchy.HasItemAttribute(item, FOLDER)]:
        for child in getSubjectHierarchyItemChildren(folder):
            if hierarchy.GetItemDataNode(child) is None:
                hierarchy.RemoveItem(child, False, True)
        if not getSubjectHierarchyItemChildren(folder):
            hierarchy.RemoveItem(folder, False, True)


def _folder(hierarchy, parent: int) -> int:
    for item in getSubjectHierarchyItemChildren(parent):
        if hierarchy.HasItemAttribute(item, FOLDER):
            return item
    made = hierarchy.CreateFolderItem(parent, _("Patient-specific tuning"))
    hierarchy.SetItemAttribute(made, FOLDER, "1")
    return made
