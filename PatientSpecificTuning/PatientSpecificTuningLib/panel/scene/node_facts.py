"""What is to be known of a chosen node; its voxels are read anew only where they, or their place, changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer

from ...engine.errors import InputError
from ...engine.images.geometry import Grid
from ..situation.facts import ImageFacts
from .node_images import gridOf
from .node_images import ijkToLps
from .node_images import labelImage
from .node_images import volumeImages

# Hundredths and sixteenths of a millimetre are common: steps that none of them falls on the border of.
STEP_MM, SHIFT = 1.3717e-3, 0.377


class NodeReader:
    """Reads nodes, and remembers what it read by ids and time stamps, which keep no node of a closed scene alive."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Any, ImageFacts]] = {}

    def image(self, node) -> ImageFacts:
        """A volume or a sequence of volumes."""
        return self._remembered("image", node, (), lambda: _imageFacts(node))

    def mask(self, node, reference) -> ImageFacts:
        """A mask on the first sequence of its examination, or by itself where none is chosen."""
        grid = _gridFor(reference)
        return self._remembered("mask", node, (grid,), lambda: _maskFacts(node, grid))

    def isImageKnown(self, node) -> bool:
        """Whether `image` needs not read voxels."""
        return self._isKnown(("image", node.GetID()), _stampOf(node))

    def isMaskKnown(self, node, reference) -> bool:
        """Whether `mask` needs not read voxels."""
        return self._isKnown(("mask", node.GetID()), _stampOf(node, _gridFor(reference)))

    def forget(self) -> None:
        """The scene was closed."""
        self._known.clear()

    def _remembered(self, kind: str, node, more: tuple, read: Callable[[], ImageFacts]) -> ImageFacts:
        stamp, key = _stampOf(node, *more), (kind, node.GetID())
        if not self._isKnown(key, stamp):
            self._known[key] = (stamp, read())
        return self._known[key][1]

    def _isKnown(self, key: tuple[str, str], stamp: tuple) -> bool:
        return key in self._known and self._known[key][0] == stamp


def volumesOf(node) -> list:
    """The volumes of a sequence, or the volume itself."""
    if node.IsA("vtkMRMLSequenceNode"):
        return [node.GetNthDataNode(i) for i in range(node.GetNumberOfDataNodes())]
    return [node]


def volumeCount(node) -> int:
    """Number of 3D volumes in a volume or in a sequence of volumes."""
    images = [volume.GetImageData() for volume in volumesOf(node)]
    return sum(image.GetNumberOfScalarComponents() for image in images if image is not None)


def contentOf(images: list[sitk.Image]) -> str:
    """A hash of voxels and place that survives saving and loading."""
    digest = hashlib.blake2b(digest_size=16)
    for image in images:
        grid = Grid.of(image)
        places = np.floor(grid.corners() / STEP_MM + SHIFT).astype(np.int64)
        digest.update(f"{grid.size} {places.tolist()}".encode())
        digest.update(np.ascontiguousarray(sitk.GetArrayViewFromImage(image), dtype=np.float32).data)
    return digest.hexdigest()


def _imageFacts(node) -> ImageFacts:
    patient, date = _identity(node)
    known = {"nodeId": node.GetID(), "name": node.GetName(), "patient": patient, "date": date}
    try:
        images = volumeImages(node)
        if not images:
            raise InputError(f"{node.GetName()} has no image; load it again.")
        known |= {"grid": Grid.of(images[0]), "volumes": len(images), "instances": _instances(node)}
        return ImageFacts(**known, content=contentOf(images))
    except InputError as error:
        return ImageFacts(**known, problem=str(error))


def _instances(node) -> tuple[str, ...]:
    """As Slicer's DICOM module leaves them on what it loads."""
    volumes = volumesOf(node)
    return tuple((volumes[0].GetAttribute("DICOM.instanceUIDs") or "").split()) if volumes else ()


def _maskFacts(node, grid: Grid | None) -> ImageFacts:
    patient, date = _identity(node)
    known = {"nodeId": node.GetID(), "name": node.GetName(), "patient": patient, "date": date}
    try:
        image = labelImage(node)
        if grid is not None and not Grid.of(image).same_as(grid):
            image = labelImage(node, grid)
        empty = not sitk.GetArrayViewFromImage(image).any()
        return ImageFacts(**known, content=contentOf([image]), grid=Grid.of(image), marksNothing=empty)
    except InputError as error:
        return ImageFacts(**known, problem=str(error))


def _gridFor(reference) -> Grid | None:
    volumes = [] if reference is None else volumesOf(reference)
    return _gridOrNone(volumes[0]) if volumes else None


def _gridOrNone(volume) -> Grid | None:
    try:
        return None if volume.GetImageData() is None else gridOf(volume)
    except InputError:
        return None


def _stampOf(node, *more: Any) -> tuple:
    return (*_stamp(node), *more, *_identity(node), node.GetName())


def _stamp(node) -> tuple:
    """What changes when voxels or their place change, and by nothing that is only shown otherwise."""
    if node.IsA("vtkMRMLSegmentationNode"):
        return segmentationStamp(node)
    volumes = volumesOf(node)
    images = [volume.GetImageData() for volume in volumes]
    times = tuple(
        None if image is None else (image.GetMTime(), image.GetAddressAsString("")) for image in images
    )
    return times, tuple(_place(volume) for volume in volumes)


def segmentationStamp(node) -> tuple:
    """What changes when anything is drawn or moved."""
    segmentation, name = node.GetSegmentation(), node.GetSegmentation().GetSourceRepresentationName()
    segments = [segmentation.GetNthSegment(i) for i in range(segmentation.GetNumberOfSegments())]
    drawn = [segment.GetRepresentation(name) for segment in segments]
    parent = node.GetParentTransformNode()
    place = None if parent is None else parent.GetTransformToWorldMTime()
    return tuple(0 if image is None else image.GetMTime() for image in drawn), place


def _place(volume) -> tuple[float, ...] | str:
    try:
        return tuple(ijkToLps(volume).ravel().tolist())
    except InputError as error:
        return str(error)


def _identity(node) -> tuple[str, str]:
    """Patient and date of the examination by DICOM, empty where the subject hierarchy does not know them."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = 0 if hierarchy is None else hierarchy.GetItemByDataNode(node)
    if not item:
        return "", ""
    patient = hierarchy.GetItemAncestorAtLevel(item, "Patient")
    study = hierarchy.GetItemAncestorAtLevel(item, "Study")
    names = (
        [hierarchy.GetItemAttribute(patient, f"DICOM.Patient{part}") for part in ("Name", "ID")]
        if patient
        else []
    )
    date = hierarchy.GetItemAttribute(study, "DICOM.StudyDate") if study else ""
    return " ".join(name for name in names if name), date
