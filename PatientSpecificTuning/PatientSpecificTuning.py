"""Patient-specific fine-tuning of a CNN for follow-up lesion quantification: the scripted module."""

from __future__ import annotations

import sys

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

LIBRARY = "PatientSpecificTuningLib"


class PatientSpecificTuning(ScriptedLoadableModule):
    """Title, category and help of the module."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Patient-specific tuning")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = []
        parent.contributors = ["The PatientSpecificTuning contributors"]
        parent.helpText = _(
            "Correct a few slices of a baseline examination and quantify the lesions of the follow-up with a CNN"
            " that knows this patient. For research only, not for clinical use."
        )
        parent.acknowledgementText = _(
            "The method is that of Jansen et al., Journal of Medical Imaging, 2020."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData() -> None:
    """Offer the sample case in the Sample Data module."""
    from PatientSpecificTuningLib.panel.sample_data import register

    register()


class PatientSpecificTuningWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Shell of the panel; what it does is in PatientSpecificTuningLib.panel."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel = None

    def setup(self) -> None:
        """Build the panel."""
        from PatientSpecificTuningLib.panel.widget import PanelController

        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/PatientSpecificTuning.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = PatientSpecificTuningLogic()
        self.panel = PanelController(self.ui, self.logic.tuning)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self._sceneStartsClosing)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self._sceneChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self._sceneChanged)

    def enter(self) -> None:
        """The module is shown."""
        self.panel.enter()

    def exit(self) -> None:
        """The module is left."""
        self.panel.exit()

    def cleanup(self) -> None:
        """The module goes away."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.cleanup()

    def onReload(self) -> None:
        """Reload the library together with this file."""
        for name in [name for name in sys.modules if name.split(".")[0] == LIBRARY]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def _sceneStartsClosing(self, caller, event) -> None:
        del caller, event
        self.logic.tuning.cancel()
        self.panel.disconnectScene()

    def _sceneChanged(self, caller, event) -> None:
        del caller, event
        self.panel.disconnectScene()
        self.logic.tuning.forgetScene(self.logic.getParameterNode())
        self.panel.connectScene()


class PatientSpecificTuningLogic(ScriptedLoadableModuleLogic):
    """The method on nodes of the scene, see PatientSpecificTuningLib.panel.logic.TuningLogic."""

    def __init__(self) -> None:
        from PatientSpecificTuningLib.panel.logic import TuningLogic
        from PatientSpecificTuningLib.panel.worker_process import workerClient

        ScriptedLoadableModuleLogic.__init__(self)
        self.tuning = TuningLogic(workerClient(), self.getParameterNode())

    def __getattr__(self, name: str):
        return getattr(self.tuning, name)


class PatientSpecificTuningTest(ScriptedLoadableModuleTest):
    """What the Reload and Test button runs."""

    def runTest(self) -> None:
        """Load the sample case and see that it can be prepared."""
        slicer.mrmlScene.Clear()
        widget = slicer.modules.patientspecifictuning.widgetRepresentation().self()
        widget.ui.sampleButton.click()
        if widget.logic.problems():
            raise AssertionError(widget.logic.problems())
