"""The application: scene, logics of the core modules, settings, and what Slicer's own Python asks it for."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import slicer
import slicer.util
import vtk
from PySide6 import QtCore
from PySide6 import QtWidgets

from . import scripted
from .file_manager import FileManager
from .pythonqt import classOf
from .pythonqt import makeQt
from .slicer_source import useSource
from .widgets import CUSTOM

_LOGICS = {
    "volumes": "vtkSlicerVolumesLogic",
    "segmentations": "vtkSlicerSegmentationsModuleLogic",
    "colors": "vtkSlicerColorLogic",
    "terminologies": "vtkSlicerTerminologiesModuleLogic",
    "subjecthierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
}
SLICE_VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class Application:
    """What `slicer.app` is."""

    _instance: Application | None = None
    applicationName = "Slicer stand-in"

    @classmethod
    def instance(cls) -> Application:
        """The one application of this process."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def __init__(self) -> None:
        _keepNoneAlive()
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["standin"])
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-standin-")
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(
            QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, self._folder.name
        )
        self._qt.setOrganizationName("Standin")
        self._files = FileManager()
        self._installModules()
        self._makeScene()

    # What the module calls --------------------------------------------------------------------------------------

    @property
    def slicerHome(self) -> str:
        """A folder that holds no PythonSlicer."""
        return self._folder.name

    def connect(self, signature: str, slot: Callable) -> bool:
        """Signals of the application never come here."""
        del signature, slot
        return True

    disconnect = connect

    def processEvents(self) -> None:
        """Let Qt work."""
        self._qt.processEvents()

    def testingEnabled(self) -> bool:
        """Popups are skipped."""
        return True

    def applicationLogic(self):
        """The logic of the application."""
        return self._logic

    def layoutManager(self):
        """There is no main window."""
        return None

    def topLevelWidgets(self) -> list:
        """None of them is Slicer's window."""
        return []

    def commandOptions(self) -> SimpleNamespace:
        """How Slicer was started."""
        return SimpleNamespace(noMainWindow=True, testingEnabled=True)

    def moduleManager(self) -> Application:
        """Modules are never unloaded here."""
        return self

    def coreIOManager(self) -> FileManager:
        """Reads and writes files."""
        return self._files

    ioManager = coreIOManager

    def userSettings(self):
        """Settings of the user."""
        import qt

        return qt.QSettings()

    settings = userSettings

    def translate(self, context: str, text: str) -> str:
        """There is no other language."""
        del context
        return text

    def setOverrideCursor(self, shape) -> None:
        """There is no pointer."""

    def restoreOverrideCursor(self) -> None:
        """There is no pointer."""

    def pauseRender(self) -> None:
        """Nothing renders by itself here."""

    resumeRender = pauseRender

    # Set-up -----------------------------------------------------------------------------------------------------

    def _installModules(self) -> None:
        sys.modules["qt"] = makeQt(CUSTOM)
        ctk = ModuleType("ctk")
        for name, kind in CUSTOM.items():
            setattr(ctk if name.startswith("ctk") else slicer, name, classOf(kind.FACTS, kind))
        for module in (ctk, slicer):
            # Slicer's own Python compares with classes that no panel here uses.
            module.__getattr__ = scripted.absentWidget
        sys.modules["ctk"] = ctk
        useSource()

    def _makeScene(self) -> None:
        scene = slicer.vtkMRMLScene()
        slicer.mrmlScene, slicer.app = scene, self
        vtk.vtkObject.GlobalWarningDisplayOff()
        self._logic = slicer.vtkSlicerApplicationLogic()
        self._logic.SetMRMLScene(scene)
        # Colour legends ask these which volumes a view shows.
        self._logic.SetSliceLogics(vtk.vtkCollection())
        self._logic.SetViewLogics(vtk.vtkCollection())
        slicer.modules = SimpleNamespace()
        for name, kind in _LOGICS.items():
            logic = getattr(slicer, kind)()
            logic.SetMRMLApplicationLogic(self._logic)
            logic.SetMRMLScene(scene)
            self._logic.SetModuleLogic(name.capitalize(), logic)
            setattr(slicer.modules, name, SimpleNamespace(logic=lambda kept=logic: kept))
        slicer.modules.sampleDataSources = {}
        slicer.modules.colors.logic().AddDefaultColorNodes()
        self._addViews()
        scene.AddObserver(scene.EndCloseEvent, lambda caller, event: self._addViews())

    def _addViews(self) -> None:
        scene = slicer.mrmlScene
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
        for name, orientation in SLICE_VIEWS.items():
            if scene.GetSingletonNode(name, "vtkMRMLSliceNode") is None:
                node = scene.CreateNodeByClass("vtkMRMLSliceNode")
                node.UnRegister(None)
                node.SetSingletonTag(name)
                node.SetLayoutName(name)
                node.SetName(name)
                scene.AddNode(node)
                node.SetOrientation(orientation)
                composite = slicer.vtkMRMLSliceCompositeNode()
                composite.SetSingletonTag(name)
                composite.SetLayoutName(name)
                scene.AddNode(composite)
        if scene.GetFirstNodeByClass("vtkMRMLLayoutNode") is None:
            scene.AddNewNodeByClass("vtkMRMLLayoutNode")


def _keepNoneAlive() -> None:
    """PySide gives back one reference to None too many with many a call; before Python 3.12 they run out."""
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 2**40


def saveScene(path: Path) -> None:
    """Write the scene, the data of its nodes beside it."""
    scene = slicer.mrmlScene
    scene.SetRootDirectory(str(path.parent))
    for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
        storage = node.GetStorageNode()
        if storage is None and node.GetSaveWithScene():
            node.AddDefaultStorageNode()
            storage = node.GetStorageNode()
        if storage is not None:
            suffix = storage.GetDefaultWriteFileExtension() or "txt"
            storage.SetFileName(str(path.parent / f"{node.GetID()}.{suffix}"))
            storage.WriteData(node)
    scene.SetURL(str(path))
    scene.Commit(str(path))


def loadScene(path: Path) -> None:
    """Read a scene in place of the present one."""
    scene = slicer.mrmlScene
    scene.Clear(0)
    scene.SetRootDirectory(str(path.parent))
    scene.SetURL(str(path))
    scene.Import()
