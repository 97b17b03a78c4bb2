"""The panel: its three steps, what is drawn when the state changes, and how it follows scene and module."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer

from .sections.alignment import AlignmentSection
from .sections.cases_folder import CasesFolderSection
from .sections.channel import ChannelSection
from .sections.correct import CorrectSection
from .sections.editor_look import EditorLook
from .sections.export import ExportSection
from .sections.lesion_table import LesionTable
from .sections.model_line import ModelSection
from .sections.overlays import OverlaysSection
from .sections.provenance import ProvenanceSection
from .sections.result import ResultSection
from .sections.scans import ScansSection
from .sections.series import SeriesSection
from .sections.shortcuts import Shortcuts
from .sections.slice_list import SliceList
from .sections.step_bar import StepBar
from .sections.strip import Strip
from .situation.state import PanelState

FRAME = "PatientSpecificTuning"
PAGES = {"scansPage": "Scans", "correctPage": "Correct", "resultPage": "Result"}


def loadPanel(resourcePath: Callable[[str], str]):
    """The frame with its three steps, each a .ui file of its own.

    Args:
        resourcePath: gives the path of a file in the Resources folder of the module.
    """
    frame = slicer.util.loadUI(resourcePath(f"UI/{FRAME}.ui"))
    for page, step in PAGES.items():
        contents = slicer.util.loadUI(resourcePath(f"UI/{step}.ui"))
        slicer.util.findChild(frame, page).setWidget(contents)
        contents.setMRMLScene(slicer.mrmlScene)
    frame.setMRMLScene(slicer.mrmlScene)
    return frame


class Panel:
    """Draws the state and passes on what the module is told."""

    def __init__(self, ui, logic) -> None:
        self.ui, self.logic = ui, logic
        self._guiTag: int | None = None
        # What the editor offers is laid out for its node, so it needs one first.
        logic.attachEditor(ui.segmentEditor)
        EditorLook(ui)
        lesions = LesionTable(ui, logic)
        self.sections = (
            StepBar(ui, logic),
            ModelSection(ui, logic),
            ScansSection(ui, logic),
            SeriesSection(ui, logic),
            CasesFolderSection(ui, logic),
            SliceList(ui, logic),
            CorrectSection(ui, logic),
            ResultSection(ui, logic),
            lesions,
            OverlaysSection(ui),
            AlignmentSection(ui, logic),
            ProvenanceSection(ui),
            ExportSection(ui, logic),
            ChannelSection(ui, logic),
            Strip(ui, logic),
        )
        self.shortcuts = Shortcuts(logic, lesions)
        self._state = PanelState()
        self._drawing = qt.QTimer()
        self._drawing.setSingleShot(True)
        self._drawing.setInterval(0)
        self._drawing.connect("timeout()", lambda: self.draw(self._state))
        logic.stateChanged.connect(self._drawSoon)

    def draw(self, state: PanelState) -> None:
        """Show the state in all sections."""
        for section in self.sections:
            self.logic.guarded(section.update)(state)

    def _drawSoon(self, state: PanelState) -> None:
        """In the next turn of the event loop, and of several states only the last one."""
        self._state = state
        self._drawing.start()

    def connectScene(self, parameterNode) -> None:
        """Bind the widgets to the parameter node of the scene; what is so is shown when its images were read."""
        self.disconnectScene()
        self.logic.connectScene(parameterNode)
        self._guiTag = self.logic.parameters().connectGui(self.ui)

    def disconnectScene(self) -> None:
        """Let go of the parameter node and of everything in the scene."""
        if self._guiTag is not None:
            self.logic.parameters().disconnectGui(self._guiTag)
            self._guiTag = None
        self.logic.disconnectScene()

    def enter(self) -> None:
        """The module is shown."""
        self.logic.enter()
        self.shortcuts.enter()

    def exit(self) -> None:
        """The module is left."""
        self.shortcuts.exit()
        self.logic.exit()

    def cleanup(self) -> None:
        """The module goes away: no process, no key and no observation stays."""
        self._drawing.stop()
        self.shortcuts.exit()
        self.disconnectScene()
        self.logic.stop()
