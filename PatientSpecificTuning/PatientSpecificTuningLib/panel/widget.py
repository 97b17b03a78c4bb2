"""The panel: its sections, and how it follows scene, module and worker."""

from __future__ import annotations

from collections.abc import Callable

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from ..engine.errors import InputError
from .channel_sliders import ChannelSliders
from .correct_section import CorrectSection
from .logic import TuningLogic
from .model_section import ModelSection
from .patient_section import PatientSection
from .review_section import ReviewSection
from .run_section import RunSection
from .segment_editor import SegmentEditor
from .series_section import SeriesSection
from .terminology import loadTerminology


class PanelController(VTKObservationMixin):
    """Joins the widgets of the .ui file with the logic."""

    def __init__(self, ui, logic: TuningLogic) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.logic = logic
        self._guiTag: int | None = None
        loadTerminology()
        self.editor = SegmentEditor(ui.segmentEditor)
        self.patient = PatientSection(ui, logic, self.guarded)
        self.series = SeriesSection(ui, logic, self.guarded)
        self.model = ModelSection(ui, logic, self.guarded)
        self.run = RunSection(ui, logic, self.guarded)
        self.correct = CorrectSection(ui, logic, self.editor, self.guarded)
        self.review = ReviewSection(ui, logic, self.guarded)
        self.channels = ChannelSliders(ui, logic, self.guarded)
        logic.prepared.connect(self._afterPreparing)
        logic.segmented.connect(self._afterSegmenting)
        logic.busyChanged.connect(lambda busy: self.run.update())
        self.connectScene()

    def guarded(self, action: Callable) -> Callable:
        """A slot that says in the panel what cannot be done, instead of leaving a trace in the console only."""

        def slot(*arguments) -> None:
            try:
                action(*arguments)
            except InputError as error:
                self.run.showFailure(str(error))

        return slot

    def connectScene(self) -> None:
        """Bind widgets to the parameter node of the scene and show the state of the work."""
        parameters = self.logic.parameters()
        self._guiTag = parameters.connectGui(self.ui)
        self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self._parametersChanged)
        self.editor.attach()
        self.update()
        self.guarded(self._resume)()

    def disconnectScene(self) -> None:
        """Let go of the parameter node and of everything in the scene."""
        parameters = self.logic.parameters()
        if self._guiTag is not None:
            parameters.disconnectGui(self._guiTag)
            self._guiTag = None
        self.removeObservers()
        self.editor.detach()

    def enter(self) -> None:
        """The module is shown."""
        self.editor.enter()

    def exit(self) -> None:
        """The module is left."""
        self.editor.exit()

    def cleanup(self) -> None:
        """The module goes away: no process and no observation stays."""
        self.disconnectScene()
        self.review.layout.restore()
        self.logic.stop()

    def update(self) -> None:
        """Show the state of the work in all sections."""
        for section in (
            self.patient,
            self.series,
            self.model,
            self.run,
            self.correct,
            self.review,
            self.channels,
        ):
            self.guarded(section.update)()

    def _parametersChanged(self, caller, event) -> None:
        del caller, event
        if self.logic.leaveCaseOfOtherImages():
            # Letting go is a change of its own, which has come here before; tables alone remain.
            self.guarded(self.correct.update)()
            self.guarded(self.review.update)()
            return
        self.guarded(self.model.update)()
        self.guarded(self.series.update)()
        self.guarded(self.patient.update)()
        self.run.update()
        self.guarded(self.channels.update)()
        self.guarded(self.review.updateOverlays)()
        if self.logic.parameters().baselineFirst is not None:
            self.logic.warmUp()
        wanted = self.logic.parameters().prepareAutomatically
        if wanted and not (self.logic.isBusy or self.logic.problems() or self.logic.isPrepared()):
            self.guarded(self.logic.prepare)()

    def _resume(self) -> None:
        """Go on with the work of a scene that was loaded."""
        if self.logic.parameters().corrections is not None and self.logic.isPrepared():
            self.correct.begin()
            self._watchDrawing()

    def _afterPreparing(self) -> None:
        self.ui.statusLabel.text = ""
        self.update()
        self.ui.patientSection.collapsed = True
        self.ui.correctSection.collapsed = False
        self.ui.tuneSection.collapsed = False
        self.guarded(self.correct.begin)()
        self._watchDrawing()

    def _watchDrawing(self) -> None:
        segmentation = self.logic.corrections().node.GetSegmentation()
        event = slicer.vtkSegmentation.SourceRepresentationModified
        self.removeObservers(self._drawn)
        self.addObserver(segmentation, event, self._drawn)

    def _drawn(self, caller, event) -> None:
        del caller, event
        self.guarded(self.correct.updateStatuses)()

    def _afterSegmenting(self) -> None:
        self.ui.reviewSection.collapsed = False
        self.guarded(self.review.update)()
        self.run.update()
        self.ui.statusLabel.text = (
            _("The lesions are shown; their uncertainty follows.") if self.logic.isBusy else _("Done.")
        )
