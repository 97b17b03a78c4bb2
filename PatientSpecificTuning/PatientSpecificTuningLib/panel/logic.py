"""What the panel does, as functions for the Python console: prepare, proposedSlices, tune, segment, review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ..engine import workflow
from ..engine.case.case import Case
from ..engine.case.case import case_exists
from ..engine.errors import InputError
from ..engine.images.volumes import write_volume
from ..engine.lesions.lesions import binarize
from ..engine.lesions.results import Result
from ..engine.model.card import ModelCard
from ..engine.model.card import read_model_card
from ..engine.network.model_choice import choose_model
from ..engine.network.model_choice import model_identity
from ..engine.network.prepared import open_examination
from ..engine.tuning.slice_proposal import SliceProposal
from ..jobs.client import WorkerClient
from ..jobs.signals import Signal
from . import result_nodes
from .case_files import writeInputs
from .case_folder import automaticCaseFolder
from .case_folder import isAutomatic
from .corrections import BASELINE
from .corrections import Corrections
from .corrections import leave
from .corrections import takeUp
from .input_check import chosenIds
from .input_check import chosenNodes
from .input_check import inputProblems
from .input_check import usesZeroForMissing
from .node_images import gridOf
from .node_images import labelImage
from .packages import ensurePackages
from .parameters import BY_MODEL
from .parameters import PanelParameters
from .shown_channel import shownVolume
from .worker_requests import WorkerRequests

CORRECTED_LABELS = "corrections.nii.gz"
REFERENCE = "followup_reference.nrrd"


class TuningLogic(WorkerRequests):
    """Runs the method on nodes of the scene; long work happens in the worker.

    >>> logic = PatientSpecificTuningLogic()
    >>> parameters = logic.parameters()
    >>> parameters.baselineFirst, parameters.followupFirst = flairBefore, flairNow
    >>> logic.prepare(waitForCompletion=True)
    >>> logic.markCorrected([p.slice for p in logic.proposedSlices()])
    >>> logic.tuneAndSegment(waitForCompletion=True)
    >>> nodes = logic.review()

    Signals beside those of `WorkerRequests`: `prepared()`, `segmented()`, `workerKnown(device)`.
    """

    def __init__(self, client: WorkerClient, parameterNode) -> None:
        super().__init__(client, self._chosenFolder)
        self._parameters = PanelParameters(parameterNode)
        self._corrections: Corrections | None = None
        # Masks are read to be checked, which is too slow for every turn of a slider.
        self._checked: tuple[Any, ...] | None = None
        self._problems: list[str] = []
        self._isWarm = False
        self._preparedNodes: list[str | None] = []
        self.prepared, self.segmented, self.workerKnown = Signal(), Signal(), Signal()

    # What is chosen ---------------------------------------------------------------------------------------------

    def parameters(self) -> PanelParameters:
        """The chosen nodes and settings; assign to its fields."""
        return self._parameters

    def modelFolder(self) -> Path:
        """The folder of the chosen base model."""
        return choose_model(self._parameters.model or None)

    def modelCard(self) -> ModelCard:
        """The card of the chosen base model."""
        return read_model_card(self.modelFolder())

    def shownVolume(self, examination: str):
        """The volume that views and editor show of "baseline" or "followup"; None where none is chosen.

        Of a first sequence of several volumes it is the one that the slider says.
        """
        node, number = getattr(self._parameters, f"{examination}First"), self._parameters.shownChannel
        channel = number - 1 if number > 0 else self.modelCard().pathways[0].key_index
        return None if node is None else shownVolume(node, channel)

    def problems(self) -> list[str]:
        """One sentence for each problem of the chosen images; empty when they can be prepared."""
        try:
            nodes = [*chosenNodes(self._parameters), self._parameters.baselineLesions]
            chosen = (str(self.modelFolder()), *map(_state, nodes))
            if chosen != self._checked:
                self._problems = inputProblems(self._parameters, self.modelCard())
                self._checked = chosen
        except InputError as error:
            return [str(error)]
        return self._problems

    # Prepare ----------------------------------------------------------------------------------------------------

    def prepare(self, *, waitForCompletion: bool = False) -> None:
        """Bring both examinations into the case folder, with what the base CNN finds.

        Raises:
            InputError: the chosen images cannot be used; the message says what and the way out.
        """
        problems = self.problems()
        if problems:
            raise InputError(" ".join(problems))
        parameters, card = self._parameters, self.modelCard()
        registration, motion = (
            None if choice == BY_MODEL else choice
            for choice in (parameters.registration, parameters.motionCorrection)
        )
        ensurePackages(card, motion)
        if not parameters.caseFolder:
            identity = model_identity(self.modelFolder())
            parameters.caseFolder = str(automaticCaseFolder(parameters, card, identity["sha256"]))
        self._preparedNodes = chosenIds(parameters)
        arguments = writeInputs(parameters, card, Path(parameters.caseFolder))
        arguments |= {
            "folder": parameters.caseFolder,
            "model": str(self.modelFolder()),
            "registration": registration,
            "motion_correction": motion,
            "missing_sequence": "zero" if usesZeroForMissing(parameters, card) else "error",
        }
        self._request("hello", {}, lambda answer: self.workerKnown(answer["device"]))
        self._request("prepare", arguments, lambda result: self._afterPreparing())
        self._wait(waitForCompletion)

    def leaveCaseOfOtherImages(self) -> bool:
        """Let go of an automatic case folder once other images are chosen; whether it was let go of."""
        parameters = self._parameters
        if self._preparedNodes in ([], chosenIds(parameters)) or not isAutomatic(parameters.caseFolder):
            return False
        self._preparedNodes, parameters.caseFolder = [], ""
        return True

    def isPrepared(self) -> bool:
        """Whether the case folder holds both examinations."""
        folder = self._parameters.caseFolder
        return bool(folder) and case_exists(Path(folder)) and len(self.case().examinations) == 2

    def case(self) -> Case:
        """The opened case folder.

        Raises:
            InputError: nothing is prepared yet.
        """
        if not self._parameters.caseFolder:
            raise InputError(_("Nothing is prepared yet; prepare the examinations first."))
        return Case.open(Path(self._parameters.caseFolder))

    def warmUp(self) -> None:
        """Start the worker and let it load torch, so that the first step need not wait for that."""
        if self._isWarm:
            return
        self._isWarm = True
        self._requestAhead("hello", {}, lambda answer: self.workerKnown(answer["device"]))

    def workAhead(self) -> None:
        """Do now, while slices are corrected, what need not wait for the corrections.

        This is what the base CNN finds in the follow-up, and its features of the slices that are being corrected.
        """
        case, parameters = self._parameters.caseFolder, self._parameters
        if self.baseResult() is None:
            arguments = {"case": case, "weights": "base", "repetitions": 0, "seed": parameters.seed}
            self._requestAhead("segment", arguments)
        slices = {proposal.slice for proposal in self.proposedSlices()}
        slices |= {*parameters.addedSlices, *parameters.correctedSlices}
        settings = {"rotation_degrees": parameters.rotation, "seed": parameters.seed}
        self._requestAhead("prepare_tuning", {"case": case, "slices": sorted(slices), **settings})

    # Correct ----------------------------------------------------------------------------------------------------

    def proposedSlices(self, count: int | None = None) -> list[SliceProposal]:
        """The baseline slices from which the CNN can learn most, best first.

        Args:
            count: how many; None takes the number of the settings or, without one, what the model needs: so many
                of all slices, or every slice with a lesion, be it known or found by the base CNN.
        """
        wanted = count or self._parameters.proposedSlices or None
        return workflow.propose(self.case(), count=wanted, lesion_labels=self.corrections().start)

    def corrections(self) -> Corrections:
        """The corrections of the baseline; begun with known lesions or with what the base CNN found."""
        # Asked for at every stroke of the brush, so the case is read once.
        case = self.case()
        self._followBaseline(case)
        grid = case.record("baseline").working_grid
        node, known = self._parameters.corrections, self._corrections
        if known is not None and node is not None and known.node is node and known.workingGrid == grid:
            return known
        if node is not None:
            self._corrections = Corrections.reopen(node, grid, case.folder)
        else:
            self._corrections = self._beginCorrections(case)
            self._parameters.corrections = self._corrections.node
        return self._corrections

    def markCorrected(self, slices: list[int], corrected: bool = True) -> None:
        """Say which slices are corrected; only these are learned from."""
        marked = set(self._parameters.correctedSlices)
        marked = marked | set(slices) if corrected else marked - set(slices)
        self._parameters.correctedSlices = sorted(marked)

    # Tune and segment -------------------------------------------------------------------------------------------

    def tuneAndSegment(self, *, waitForCompletion: bool = False) -> None:
        """Tune on the corrected slices, then segment the follow-up with the base CNN and with the tuned one.

        Raises:
            InputError: no slice is marked as corrected.
        """
        self.tune()
        # Lesions are shown as soon as they exist; their uncertainty follows.
        self.segment(repetitions=0)
        if self.baseResult() is None:
            self.segment(weights="base", repetitions=0)
        self.segment()
        self._wait(waitForCompletion)

    def tune(self, *, waitForCompletion: bool = False) -> None:
        """Tune the last two layers on the corrected slices, always from the base weights.

        Raises:
            InputError: no slice is marked as corrected.
        """
        self._followBaseline(self.case())
        parameters = self._parameters
        slices = list(parameters.correctedSlices)
        if not slices:
            raise InputError(_("No slice is marked as corrected; correct at least one slice with a lesion."))
        labels = self.corrections().write(self.case().folder / CORRECTED_LABELS)
        self._request("annotate", {"case": parameters.caseFolder, "labels": str(labels), "slices": slices})
        settings = {
            "iterations": parameters.iterations,
            "weighting": None if parameters.weighting == "none" else parameters.weighting,
            "rotation_degrees": parameters.rotation,
            "seed": parameters.seed,
        }
        self._request("tune", {"case": parameters.caseFolder, **settings})
        self._wait(waitForCompletion)

    def segment(
        self, *, weights: str = "current", repetitions: int | None = None, waitForCompletion: bool = False
    ) -> None:
        """Segment the follow-up; the new version is shown when it is there.

        Args:
            weights: "current", "base", or the number of a tuned version.
            repetitions: of Monte Carlo dropout; None takes the number of the settings.
        """
        count = self._parameters.repetitions if repetitions is None else repetitions
        arguments = {"case": self._parameters.caseFolder, "weights": weights, "repetitions": count}
        self._request("segment", {**arguments, "seed": self._parameters.seed}, self._afterSegmenting)
        self._wait(waitForCompletion)

    # Review -----------------------------------------------------------------------------------------------------

    def results(self) -> list[Result]:
        """All versions of the follow-up, newest first."""
        if not self.isPrepared():
            return []
        case = self.case()
        found = [workflow.result(case, number) for number in reversed(case.versions("results"))]
        return [result for result in found if result.run["examination"] == "followup"]

    def shownResult(self) -> Result | None:
        """The version that is shown: the chosen one, otherwise the newest of a tuned CNN; None without any."""
        results = self.results()
        chosen = [result for result in results if result.number == self._parameters.result]
        tuned = [result for result in results if result.run["tuned"] is not None]
        return next(iter(chosen + tuned), None)

    def review(self, result: Result | None = None) -> dict[str, Any]:
        """The nodes of a version, made where they are not in the scene yet: "lesions" (one label for each lesion),
        "outlines" (of this version), "compared" (outlines of the version it is compared with), "uncertainty" (where it was computed), "detections" (found, missed
        and false lesions, where the result was compared with known ones).

        Args:
            result: None takes the version that is shown.

        Raises:
            InputError: there is no result yet.
        """
        result, volume = result or self.shownResult(), self.shownVolume("followup")
        if result is None or volume is None:
            raise InputError(_("There is no result yet; fine-tune and segment first."))
        compared = self.comparedResult(result)
        nodes = {}
        # Made first, so that the views draw the outlines of the shown version on top.
        if compared is not None:
            nodes["compared"] = result_nodes.outlines(compared, volume, "compared")
        nodes["outlines"] = result_nodes.outlines(result, volume)
        nodes["lesions"] = result_nodes.lesionLabelmap(result, volume)
        nodes["uncertainty"] = result_nodes.uncertainty(result, volume)
        if self._parameters.followupLesions is not None:
            nodes["detections"] = result_nodes.detections(result, volume)
        return {role: node for role, node in nodes.items() if node is not None}

    def evaluate(self, *, waitForCompletion: bool = False) -> None:
        """Compare the shown version with the known lesions of the follow-up, in the worker.

        Raises:
            InputError: no known lesions are chosen, or there is no result yet.
        """
        known, result = self._parameters.followupLesions, self.shownResult()
        if known is None or result is None:
            raise InputError(_("Choose known lesions of the follow-up and segment it first."))
        path = self.case().folder / REFERENCE
        write_volume(labelImage(known), path)
        arguments = {"case": self._parameters.caseFolder, "reference": str(path), "number": result.number}
        self._request("evaluate", arguments, lambda answer: self.segmented())
        self._wait(waitForCompletion)

    def baseResult(self) -> Result | None:
        """The newest version of the base CNN, to compare with."""
        return next((result for result in self.results() if result.run["tuned"] is None), None)

    def comparedResult(self, shown: Result) -> Result | None:
        """The version that another is compared with: the chosen one, otherwise the base CNN; None where it is the same."""
        others = [result for result in self.results() if result.number != shown.number]
        chosen = [result for result in others if result.number == self._parameters.comparedResult]
        base = [result for result in others if result.run["tuned"] is None]
        return next(iter(chosen + base), None)

    def removeResult(self, number: str) -> None:
        """Remove a version from the case folder."""
        arguments = {"case": self._parameters.caseFolder, "kind": "results", "number": number}
        self._request("remove", arguments, lambda answer: self.segmented())

    # Inside -----------------------------------------------------------------------------------------------------

    def forgetScene(self, parameterNode) -> None:
        """Begin again with another scene's parameter node."""
        self._parameters = PanelParameters(parameterNode)
        self._corrections, self._checked, self._preparedNodes = None, None, []

    def _chosenFolder(self) -> Path | None:
        return Path(self._parameters.caseFolder) if self._parameters.caseFolder else None

    def _beginCorrections(self, case: Case) -> Corrections:
        parameters = self._parameters
        baseline = open_examination(case, "baseline")
        volume = self.shownVolume("baseline")
        if volume is None:
            raise InputError(
                _("Choose the baseline of this case in section 1 to go on with its corrections.")
            )
        userGrid, workingGrid = gridOf(volume), baseline.record.working_grid
        if parameters.baselineLesions is not None:
            start = labelImage(parameters.baselineLesions)
        else:
            card = self.modelCard()
            found = binarize(baseline.base_probability, baseline.organ_mask, card.post_processing)
            start = workingGrid.image(found.astype("uint8"))
        begun = Corrections.create(volume, userGrid, workingGrid, start, case.folder)
        begun.node.SetAttribute(BASELINE, self._baselineContent(case))
        return begun

    def _baselineContent(self, case: Case) -> str:
        return case.record("baseline").sequences[self.modelCard().pathways[0].sequence].sha256

    def _followBaseline(self, case: Case) -> None:
        """Leave the corrections of another patient's baseline, and go on with those of this one."""
        parameters, content = self._parameters, self._baselineContent(case)
        node = parameters.corrections
        if node is None or node.GetAttribute(BASELINE) in (None, content):
            return
        leave(node, parameters.correctedSlices, parameters.addedSlices)
        parameters.corrections, parameters.correctedSlices, parameters.addedSlices = takeUp(content)
        parameters.result = parameters.comparedResult = ""

    def _afterPreparing(self) -> None:
        self._followBaseline(self.case())
        self.prepared()
        self.workAhead()

    def _afterSegmenting(self, answer: dict[str, Any]) -> None:
        if answer["tuned"] != "base":
            self._parameters.result = answer["result"]
        self.segmented()


def _state(node: Any) -> tuple[str, int] | None:
    return None if node is None else (node.GetID(), node.GetMTime())
