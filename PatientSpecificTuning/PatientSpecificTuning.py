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
        parent.dependencies = [
            "Colors",
            "Segmentations",
            "Sequences",
            "SubjectHierarchy",
            "Terminologies",
            "Volumes",
        ]
        parent.contributors = ["The PatientSpecificTuning contributors"]
        parent.helpText = _(
            "Correct a few slices of a baseline examination and quantify the lesions of the follow-up with a CNN"
            " that knows this patient. For research only, not for clinical use."
        )
        parent.acknowledgementText = _(
            "The method is that of Jansen et al., Journal of Medical Imaging, 2020."
        )
        slicer.app.connect(
            "startupCompleted()", lambda: addToApplication(self.resourcePath("UI/Settings.ui"))
        )


def addToApplication(settings: str) -> None:
    """Offer the sample cases in the Sample Data module, and the cases in the settings of the application."""
    from PatientSpecificTuningLib.panel.scene.hierarchy import watchLoadedScenes
    from PatientSpecificTuningLib.panel.scene.sample_data import register

    register()
    watchLoadedScenes()
    if slicer.util.mainWindow() is not None:
        from PatientSpecificTuningLib.panel.sections.settings_panel import addSettingsPanel

        addSettingsPanel(settings)


class PatientSpecificTuningWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Shell of the panel; what it does is in PatientSpecificTuningLib.panel."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel = None

    def setup(self) -> None:
        """Build the panel."""
        from PatientSpecificTuningLib.panel.widget import Panel
        from PatientSpecificTuningLib.panel.widget import loadPanel

        ScriptedLoadableModuleWidget.setup(self)
        widget = loadPanel(self.resourcePath)
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        self.logic = PatientSpecificTuningLogic()
        self.panel = Panel(self.ui, self.logic.tuning)
        scene = slicer.mrmlScene
        for event in (scene.StartCloseEvent, scene.StartImportEvent):
            self.addObserver(scene, event, self._sceneGoes)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self._sceneComes)
        self.panel.connectScene(self.logic.getParameterNode())
        if getattr(self.parent, "isEntered", False):
            # Slicer reloads a module without entering it again.
            self.enter()

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

    def _sceneGoes(self, caller, event) -> None:
        del caller, event
        self.panel.disconnectScene()

    def _sceneComes(self, caller, event) -> None:
        del caller, event
        self.panel.connectScene(self.logic.getParameterNode())


class PatientSpecificTuningLogic(ScriptedLoadableModuleLogic):
    """The method on nodes of the scene, see PatientSpecificTuningLib.panel.logic.TuningLogic."""

    def __init__(self) -> None:
        from PatientSpecificTuningLib.panel.logic import TuningLogic
        from PatientSpecificTuningLib.panel.worker_process import workerClient

        ScriptedLoadableModuleLogic.__init__(self)
        self.tuning = TuningLogic(workerClient(), self.getParameterNode())

    def __getattr__(self, name: str):
        if name == "tuning":
            # Asked for before it was made; without this the question would ask itself for ever.
            raise AttributeError(name)
        return getattr(self.tuning, name)


class PatientSpecificTuningTest(ScriptedLoadableModuleTest):
    """What the Reload and Test button runs."""

    def runTest(self) -> None:
        """Load the sample case and see that it can be prepared."""
        slicer.mrmlScene.Clear()
        widget = slicer.modules.patientspecifictuning.widgetRepresentation().self()
        widget.ui.sampleButton.click()
        slicer.app.processEvents()
        if widget.logic.state.problems:
            raise AssertionError(widget.logic.state.problems)
