"""The module opened in the stand-in: its widgets, and short ways to what a user does with them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from conftest import PACKAGE_ROOT
from patients import write_patient
from patients import write_tiny_model


class OpenPanel:
    """The module's panel and short ways to its parts."""

    def __init__(self, folder: Path, client: Any = None) -> None:
        import qt
        from PatientSpecificTuningLib.panel import worker_process
        from Standin.scripted import openModule

        qt.QSettings().setValue("PatientSpecificTuning/CasesFolder", str(folder / "cases"))
        qt.QSettings().remove("PatientSpecificTuning/AddedModels")
        module = importlib.import_module("PatientSpecificTuning")
        real = worker_process.workerClient
        if client is not None:
            worker_process.workerClient = lambda: client
        try:
            self.widget = openModule(module, PACKAGE_ROOT / "PatientSpecificTuning.py")
        finally:
            worker_process.workerClient = real
        self.ui, self.folder = self.widget.ui, folder
        self.logic = self.widget.logic.tuning
        self.widget.enter()
        self.settle()

    @property
    def state(self) -> Any:
        """What the panel shows and allows."""
        return self.logic.state

    @property
    def parameters(self) -> Any:
        """The chosen nodes and settings."""
        return self.logic.parameters()

    @property
    def corrections(self) -> Any:
        """The node that is corrected."""
        import slicer

        return slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)

    def settle(self) -> None:
        """Let the panel draw what changed, strokes of a moment ago included."""
        import slicer

        for _ in range(3):
            slicer.app.processEvents()
        self.logic._refreshNow()
        slicer.app.processEvents()
        while self.logic.requests._turns.isBusy or not self.logic.isSettled:
            slicer.app.processEvents()
        # What was read last is drawn in a turn of its own.
        slicer.app.processEvents()

    def press(self, name: str) -> None:
        """Click a button of the panel that can be clicked."""
        button = getattr(self.ui, name)
        assert button.enabled, f"{name} is disabled: {button.toolTip}"
        button.click()
        self.settle()

    def use_tiny_model(self, **changes: Any) -> None:
        """Choose a tiny model, and settings that make it fast."""
        self.logic.addModel(str(write_tiny_model(self.folder / "model", **changes)))
        self.parameters.iterations, self.parameters.repetitions = 50, 2
        self.settle()

    def choose_tiny_patient(self, name: str = "patient", seed: int = 1) -> None:
        """Load a tiny patient with 4 slices and a tiny model, and choose them as a user would."""
        import slicer

        files = write_patient(self.folder / name, seed=seed)
        self.use_tiny_model()
        for examination in ("baseline", "followup"):
            for field, file in (("First", "FLAIR"), ("Second", "T1")):
                options = {"name": f"{name} {examination} {file}"}
                node = slicer.util.loadVolume(str(files / f"{examination}_{file}.nii.gz"), options)
                getattr(self.ui, f"{examination}{field}Selector").setCurrentNode(node)
            mask = slicer.util.loadLabelVolume(str(files / f"{examination}_brain_mask.nii.gz"))
            getattr(self.ui, f"{examination}MaskSelector").setCurrentNode(mask)
        self.settle()

    def drawn(self) -> Any:
        """The voxels that are drawn, (Z, Y, X) on the baseline's first sequence."""
        import slicer

        volume = slicer.mrmlScene.GetNodeByID(self.state.baseline.shownId)
        segment = self.state.corrections.segmentId
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.corrections, segment, volume).copy()

    def draw(self, position: int) -> None:
        """Draw a square on one slice, as the user does in the Segment Editor."""
        import slicer

        array = self.drawn()
        array[position, 20:26, 18:24] = 1 - array[position, 20:26, 18:24]
        volume = slicer.mrmlScene.GetNodeByID(self.state.baseline.shownId)
        segment = self.state.corrections.segmentId
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, self.corrections, segment, volume)
        self.settle()

    def status(self, position: int) -> str:
        """What became of a slice."""
        return next(row.status for row in self.state.corrections.rows if row.slice == position)

    def close(self) -> None:
        """Close as Slicer does when it quits."""
        import slicer

        self.widget.cleanup()
        slicer.mrmlScene.Clear(0)
