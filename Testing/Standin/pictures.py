"""Pictures of the panel and of slice views, drawn without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from PySide6 import QtGui
from PySide6 import QtWidgets
from vtk.util.numpy_support import vtk_to_numpy

from .pythonqt import unwrap

PANEL_WIDTH = 470
WINDOW, LEVEL = 255, 127.5
MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLColorLegendDisplayableManager")


def panelPicture(widget, path: Path, *, width: int = PANEL_WIDTH) -> None:
    """Write a picture of a panel in its full height."""
    real: QtWidgets.QWidget = unwrap(widget)
    real.setStyleSheet("QWidget { font-size: 12px; }")
    real.resize(width, 400)
    real.show()
    for _ in range(3):
        slicer.app.processEvents()
        real.resize(width, max(real.layout().totalHeightForWidth(width), real.minimumSizeHint().height()))
    picture: QtGui.QPixmap = real.grab()
    picture.save(str(path))


class SliceView:
    """One slice view, rendered offscreen with the displayable managers of Slicer."""

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        scene, application = slicer.mrmlScene, slicer.app.applicationLogic()
        self.size = size
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        renderer = vtk.vtkRenderer()
        renderer.GetActiveCamera().ParallelProjectionOn()
        self.window.AddRenderer(renderer)
        interactor = vtk.vtkRenderWindowInteractor()
        interactor.SetRenderWindow(self.window)
        interactor.Initialize()
        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(WINDOW)
        self.mapper.SetColorLevel(LEVEL)
        actor = vtk.vtkActor2D()
        actor.SetMapper(self.mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        # Before the managers, or what they fill does not blend with the image.
        renderer.AddActor2D(actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application)
        self.group = slicer.vtkMRMLDisplayableManagerGroup()
        for manager in MANAGERS:
            factory.RegisterDisplayableManager(manager)
        self.group.Initialize(factory, renderer)
        self.node = scene.GetSingletonNode(name, "vtkMRMLSliceNode")
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application)
        self.logic.SetMRMLScene(scene)
        self.logic.SetSliceNode(self.node)
        application.GetSliceLogics().AddItem(self.logic)
        self.node.SetMappedInLayout(1)
        self.group.SetMRMLDisplayableNode(self.node)
        self.logic.ResizeSliceNode(*size)

    def image(self) -> NDArray[np.uint8]:
        """What is shown now, (rows, columns, 3)."""
        self.mapper.SetInputConnection(self.logic.GetImageDataConnection())
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        output = grab.GetOutput()
        columns, rows, _ = output.GetDimensions()
        return vtk_to_numpy(output.GetPointData().GetScalars()).reshape(rows, columns, 3)[::-1]

    def fit(self) -> None:
        """Zoom so that the background fills the view."""
        offset = self.node.GetSliceOffset()
        self.logic.FitSliceToBackground(True)
        self.node.SetSliceOffset(offset)


def _makeLegendsAnew() -> None:
    """Without Slicer's layout manager, views draw only the legends that are made while their volume is shown."""
    for old in slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode"):
        volume, title, form = old.GetDisplayableNode(), old.GetTitleText(), old.GetLabelFormat()
        size = old.GetSize()
        slicer.mrmlScene.RemoveNode(old)
        new = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(volume)
        new.SetAndObserveColorNodeID(volume.GetDisplayNode().GetColorNodeID())
        new.SetTitleText(title)
        new.SetLabelFormat(form)
        new.SetSize(*size)
        new.SetVisibility(True)


def viewsPicture(views: list[SliceView], path: Path) -> None:
    """Write slice views side by side."""
    _makeLegendsAnew()
    gap = np.full((views[0].size[1], 6, 3), 255, np.uint8)
    parts = [part for view in views for part in (gap, view.image())][1:]
    joined = np.ascontiguousarray(np.concatenate(parts, axis=1))
    rows, columns, _ = joined.shape
    picture = QtGui.QImage(joined.data, columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888)
    picture.save(str(path))
