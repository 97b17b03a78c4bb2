"""What `slicer.app.coreIOManager()` is: reads and writes nodes through their own storage nodes."""

from __future__ import annotations

from pathlib import Path

import slicer
import vtk

_KINDS = {"SegmentationFile": "vtkMRMLSegmentationNode", "SequenceFile": "vtkMRMLSequenceNode"}
# Asked of ITK's readers at run time, which slicer-core does not have.
_VOLUME_FORMATS = ("NRRD (.nrrd)", "NRRD (.nhdr)", "NIfTI (.nii.gz)", "NIfTI (.nii)")
_ENDINGS = {".seg.nrrd": "SegmentationFile", ".seq.nrrd": "SequenceFile"}


class FileManager:
    """Reads and writes files for Slicer's own slicer.util."""

    def fileType(self, path: str) -> str:
        """Kind of file by its ending; the names are Slicer's."""
        found = [kind for ending, kind in _ENDINGS.items() if path.endswith(ending)]
        return found[0] if found else "VolumeFile"

    def loadNodes(self, kind: str, properties: dict, loaded: vtk.vtkCollection, messages) -> bool:
        """Read one file; what cannot be read leaves no node."""
        path = properties["fileName"]
        volume = "vtkMRMLLabelMapVolumeNode" if properties.get("labelmap") else "vtkMRMLScalarVolumeNode"
        name = properties.get("name", Path(path).name.partition(".")[0])
        node = slicer.mrmlScene.AddNewNodeByClass(_KINDS.get(kind, volume), name)
        storage = self._storageOf(node)
        storage.SetFileName(str(path))
        if not storage.ReadData(node):
            slicer.mrmlScene.RemoveNode(node)
            slicer.mrmlScene.RemoveNode(storage)
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"{path} cannot be read")
            return False
        node.SetAndObserveStorageNodeID(storage.GetID())
        node.CreateDefaultDisplayNodes()
        loaded.AddItem(node)
        return True

    def exportNodes(
        self, identifiers: list[str], paths: list[str], properties: dict, harden: bool, messages
    ) -> bool:
        """Write nodes in the format that was asked for, whatever the ending of the file says."""
        del harden
        written = []
        for identifier, path in zip(identifiers, paths, strict=True):
            storage = self._storageOf(node := slicer.mrmlScene.GetNodeByID(identifier))
            ending = slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString(properties["fileFormat"])
            storage.SetFileName(str(path))
            written.append(str(path).endswith(ending) and bool(storage.WriteData(node)))
            slicer.mrmlScene.RemoveNode(storage)
            if not written[-1]:
                messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"{path} cannot be written")
        return all(written)

    def fileWriterExtensions(self, node) -> tuple[str, ...]:
        """Formats that a node can be written in, such as "NRRD (.nrrd)"."""
        if node.IsA("vtkMRMLScalarVolumeNode"):
            return _VOLUME_FORMATS
        storage = self._storageOf(node)
        formats = storage.GetSupportedWriteFileTypes()
        slicer.mrmlScene.RemoveNode(storage)
        return tuple(formats.GetValue(i) for i in range(formats.GetNumberOfValues()))

    def extractKnownExtension(self, path: str, node) -> str:
        """The longest ending of a path that is one of a node's formats, empty where there is none."""
        known = map(
            slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString, self.fileWriterExtensions(node)
        )
        fitting = [ending for ending in known if path.endswith(ending)]
        return max(fitting, key=len, default="")

    def _storageOf(self, node):
        storage = node.CreateDefaultStorageNode()
        storage.UnRegister(None)
        return slicer.mrmlScene.AddNode(storage)
