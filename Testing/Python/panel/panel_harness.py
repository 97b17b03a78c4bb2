"""The panel in the stand-in: opened, filled with tiny patients, with or without a real worker."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from builders import tiny_card
from conftest import PACKAGE_ROOT
from patients import B_VALUES
from patients import write_liver_patient
from patients import write_model_of
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.model.card import Pathway


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
        onProgress=lambda stage, part, remaining: None,
        ahead: bool = False,
    ) -> int:
        from PatientSpecificTuningLib.engine.errors import InputError
        from PatientSpecificTuningLib.jobs import verbs

        self.requests.append((verb, arguments))
        try:
            if self.failure and not ahead:
                raise InputError(self.failure)
            answer = verbs.run(verb, arguments, lambda stage, part: onProgress(stage, part, None))
        except InputError as error:
            onError(str(error))
        else:
            onResult(answer)
        return len(self.requests)

    def cancel(self) -> None:
        self.cancelled += 1

    def stop(self) -> None:
        self.stopped += 1


class OpenPanel:
    """The module's panel and short ways to its parts."""

    def __init__(self, folder: Path, client: Any = None) -> None:
        from PatientSpecificTuningLib.panel import worker_process
        from Standin.scripted import openModule

        module = importlib.import_module("PatientSpecificTuning")
        real = worker_process.workerClient
        if client is not None:
            worker_process.workerClient = lambda: client
        try:
            self.widget = openModule(module, PACKAGE_ROOT / "PatientSpecificTuning.py")
        finally:
            worker_process.workerClient = real
        self.ui, self.folder = self.widget.ui, folder
        self.tuning = self.widget.logic.tuning

    @property
    def parameters(self) -> Any:
        return self.tuning.parameters()

    def choose_tiny_patient(self, name: str = "patient", case: str = "case", seed: int = 1) -> None:
        """Load a tiny patient with 4 slices and a tiny model, as a user would choose them."""
        import slicer

        files = write_patient(self.folder / name, seed=seed)
        self.parameters.model = str(write_tiny_model(self.folder / "model"))
        self.parameters.caseFolder = str(self.folder / case)
        for name in ("baseline", "followup"):
            for field, file in (("First", "FLAIR"), ("Second", "T1")):
                node = slicer.util.loadVolume(
                    str(files / f"{name}_{file}.nii.gz"), {"name": f"{name} {file}"}
                )
                setattr(self.parameters, f"{name}{field}", node)
            mask = slicer.util.loadLabelVolume(str(files / f"{name}_brain_mask.nii.gz"))
            setattr(self.parameters, f"{name}Mask", mask)

    def choose_tiny_liver(self) -> None:
        """Load a tiny patient with DCE-MRI and DWI as volume sequences, and a tiny detection model."""
        import slicer
        from PatientSpecificTuningLib.panel.image_nodes import sequenceNode

        files = write_liver_patient(self.folder / "patient")
        card = tiny_card(
            name="tiny liver",
            task="detection",
            organ="liver",
            pathways=(Pathway("DCE", 4, key_channel=3), Pathway("DWI", 3)),
            bias_correction=False,
            registration="none",
            proposed_slices=None,
        )
        self.parameters.model = str(write_model_of(card, self.folder / "model", lesion_bias=0.5))
        self.parameters.caseFolder = str(self.folder / "case")
        for name in ("baseline", "followup"):
            phases = sitk.ReadImage(str(files / f"{name}_DCE.nii.gz"))
            dwi = [sitk.ReadImage(str(files / f"{name}_DWI_b{b}.nii.gz")) for b in B_VALUES]
            dce = [phases[..., i] for i in range(phases.GetSize()[3])]
            setattr(self.parameters, f"{name}First", sequenceNode(dce, f"{name} DCE"))
            setattr(self.parameters, f"{name}Second", sequenceNode(dwi, f"{name} DWI"))
            for field, file in (("Mask", "liver_mask"), ("Lesions", "metastases")):
                node = slicer.util.loadLabelVolume(str(files / f"{name}_{file}.nii.gz"))
                setattr(self.parameters, f"{name}{field}", node)

    def draw(self, position: int) -> None:
        """Draw a square on one slice, as the user does in the Segment Editor."""
        import slicer

        corrections = self.tuning.corrections()
        volume = self.parameters.baselineFirst
        array = slicer.util.arrayFromSegmentBinaryLabelmap(corrections.node, corrections.segmentId, volume)
        array[position, 20:26, 18:24] = 1 - array[position, 20:26, 18:24]
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            array, corrections.node, corrections.segmentId, volume
        )

    def close(self) -> None:
        """Close as Slicer does when it quits."""
        import slicer

        self.widget.cleanup()
        slicer.mrmlScene.Clear(0)
