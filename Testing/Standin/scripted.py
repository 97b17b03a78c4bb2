"""Small versions of the base classes of scripted modules, where Slicer's own are not on the path."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from types import SimpleNamespace

import slicer


class ScriptedLoadableModule:
    """Base of the module description."""

    def __init__(self, parent) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """Base of the panel."""

    def __init__(self, parent=None) -> None:
        self.parent = parent
        self.layout = parent.layout()
        self.path = ""

    def setup(self) -> None:
        """Slicer adds the reload buttons here, in developer mode."""

    def resourcePath(self, name: str) -> str:
        """A file below the Resources folder of the module."""
        return str(Path(self.path).parent / "Resources" / name)

    def enter(self) -> None:
        """The module is shown."""

    def exit(self) -> None:
        """The module is left."""

    def cleanup(self) -> None:
        """The module goes away."""

    def onReload(self) -> None:
        """Slicer loads the module's file anew."""


class ScriptedLoadableModuleLogic:
    """Base of the logic, with the parameter node of the module."""

    def __init__(self, parent=None) -> None:
        del parent
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self):
        """The singleton parameter node of the scene."""
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node.SetModuleName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest:
    """Base of what Reload and Test runs."""


def modules() -> dict[str, ModuleType]:
    """slicer.ScriptedLoadableModule and slicer.i18n as modules."""
    scripted = ModuleType("slicer.ScriptedLoadableModule")
    for kind in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    ):
        setattr(scripted, kind.__name__, kind)
    language = ModuleType("slicer.i18n")
    language.tr = lambda text: text
    language.translate = lambda context, text: text
    return {"ScriptedLoadableModule": scripted, "i18n": language}


def openModule(module, path: Path):
    """Build the panel of a module as Slicer's module factory does; returns its widget object."""
    import qt

    name = path.stem
    getattr(module, name)(SimpleNamespace(path=str(path)))
    parent = qt.QWidget()
    parent.setLayout(qt.QVBoxLayout())
    widget = getattr(module, f"{name}Widget")(parent)
    widget.path = str(path)
    widget.setup()
    return widget
