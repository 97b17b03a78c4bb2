"""What Slicer's module factory does for a scripted module."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import slicer


def absentWidget(name: str) -> type:
    """A class of widgets that the stand-in does not have: it can be compared with, not made.

    Raises:
        AttributeError: the name is none of a widget.
    """
    if not name.startswith(("ctk", "qMRML", "qSlicer")):
        message = f"module has no attribute {name!r}"
        raise AttributeError(message)

    def refuse(kind: type, *arguments: object) -> None:
        message = f"the stand-in has no {kind.__name__}"
        raise NotImplementedError(message)

    return type(name, (), {"__new__": refuse})


def openModule(module, path: Path):
    """Build the panel of a module as Slicer's module factory does; returns its widget object."""
    import qt

    name = path.stem
    described = SimpleNamespace(path=str(path), name=name)
    getattr(module, name)(described)
    setattr(slicer.modules, name.lower(), described)
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    parent.setMRMLScene(slicer.mrmlScene)
    widget = getattr(module, f"{name}Widget")(parent)
    described.widgetRepresentation = lambda: SimpleNamespace(self=lambda: widget)
    widget.setup()
    return widget
