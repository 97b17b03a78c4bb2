"""The panel's commands in the stand-in, with tiny patients, with or without a real worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from patients import write_patient
from patients import write_tiny_model


def start_standin() -> Any:
    """The application of the stand-in; conftest.py leaves out files that call this where it cannot start."""
    import Standin

    return Standin.start()


class DirectClient:
    """Runs the worker's verbs at once in this process, and remembers them."""

    def __init__(self) -> None:
        from PatientSpecificTuningLib.jobs.signals import Signal

        self.logged = Signal()
        self.requests: list[tuple[str, dict]] = []
        self.failure = ""
        self.isBusy = False
        self.stopped = self.cancelled = 0

    def request(
        self,
        verb: str,
        arguments: dict,
        *,
        onResult=lambda answer: None,
        onError=lambda failure: None,
        onProgress=lambda stage, fraction, remaining: None,
        onPart=lambda part: None,
        ahead: bool = False,
        newest: bool = False,
    ) -> int:
        from PatientSpecificTuningLib.engine.errors import InputError
        from PatientSpecificTuningLib.jobs import verbs

        del newest
        self.requests.append((verb, arguments))
        try:
            if self.failure and not ahead:
                raise InputError(self.failure)
            answer = verbs.run(
                verb, arguments, lambda stage, fraction: onProgress(stage, fraction, None), onPart
            )
        except InputError as error:
            onError(str(error))
        else:
            onResult(answer)
        return len(self.requests)

    def cancel(self) -> None:
        self.cancelled += 1

    def stop(self) -> None:
        self.stopped += 1


class Work:
    """The commands on a scene, without widgets, and short ways to do what a user does."""

    def __init__(self, folder: Path, client: Any) -> None:
        import slicer
        from PatientSpecificTuningLib.panel import case_folder
        from PatientSpecificTuningLib.panel.logic import TuningLogic

        self.folder, self.client = folder, client
        case_folder.setCasesFolder(folder / "cases")
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "PatientSpecificTuning")
        self.logic = TuningLogic(client, node)
        self.logic.enter()
        self.log: list[str] = []
        self.logic.logged.connect(self.log.append)

    @property
    def parameters(self) -> Any:
        return self.logic.parameters()

    @property
    def state(self) -> Any:
        return self.logic.state

    def choose_tiny_patient(self, name: str = "patient", seed: int = 1) -> None:
        """Load a tiny patient with 4 slices, as a user would choose its images."""
        import slicer

        files = write_patient(self.folder / name, seed=seed)
        if not self.parameters.model:
            self.logic.addModel(str(write_tiny_model(self.folder / "model")))
        for examination in ("baseline", "followup"):
            for field, file in (("First", "FLAIR"), ("Second", "T1")):
                path = str(files / f"{examination}_{file}.nii.gz")
                node = slicer.util.loadVolume(path, {"name": f"{name} {examination} {file}"})
                setattr(self.parameters, f"{examination}{field}", node)
            mask = slicer.util.loadLabelVolume(str(files / f"{examination}_brain_mask.nii.gz"))
            setattr(self.parameters, f"{examination}Mask", mask)

    def prepare_tiny_patient(self) -> None:
        """Bring a tiny patient to the second step; the CNN learns fast there, so that its lesions change."""
        self.choose_tiny_patient()
        self.parameters.iterations = 300
        self.logic.start(waitForCompletion=True)
        self.logic.showStep("correct")

    def finish_tiny_patient(self) -> None:
        """Bring a tiny patient to the third step: prepared, corrected on one slice, tuned and segmented."""
        self.choose_tiny_patient()
        self.logic.start(waitForCompletion=True)
        self.logic.showStep("correct")
        self.draw(self.state.corrections.rows[0].slice)
        self.logic.markCorrected()
        self.logic.tune(waitForCompletion=True)

    def settle(self) -> None:
        """Let the scene follow the state."""
        import slicer

        self.logic._refreshNow()
        while not self.logic.isSettled:
            slicer.app.processEvents()

    def draw(self, position: int) -> None:
        """Draw a square on one slice, as the user does in the Segment Editor."""
        import slicer

        node = slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)
        segment = self.state.corrections.segmentId
        volume = slicer.mrmlScene.GetNodeByID(self.state.baseline.shownId)
        array = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume)
        array[position, 20:26, 18:24] = 1 - array[position, 20:26, 18:24]
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment, volume)
        self.logic.changed()

    def drawn(self) -> NDArray[Any]:
        """What is drawn on the baseline now, on its grid."""
        import slicer

        node = slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)
        segment = self.state.corrections.segmentId
        return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, self.parameters.baselineFirst).copy()

    def statuses(self) -> dict[int, str]:
        """What became of each slice of the list."""
        return {row.slice: row.status for row in self.state.corrections.rows}

    def close(self) -> None:
        """Close as Slicer does when it quits."""
        import slicer

        self.logic.exit()
        self.logic.disconnectScene()
        self.logic.stop()
        slicer.mrmlScene.Clear(0)
