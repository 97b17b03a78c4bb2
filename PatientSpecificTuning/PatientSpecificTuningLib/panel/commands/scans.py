"""Commands of step 1: sample, model, series, start, cancel; and going from step to step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import SimpleITK as sitk
import slicer
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ...engine.images.geometry import Grid
from ...engine.model.card import ModelCard
from ...engine.tuning.slice_proposal import SliceProposal
from ...jobs.client import WorkerClient
from ...jobs.seen_slices import SeenSlice
from ..case_files import writeInputs
from ..packages import ensurePackages
from ..packages import offerBrainPackage
from ..parameters import BY_MODEL
from ..scene import corrections
from ..scene.image_nodes import sequenceNode
from ..scene.node_images import labelImage
from ..scene.node_images import volumeImages
from ..scene.series import Candidate
from ..scene.series import seriesCandidates
from ..session import Session
from ..situation.problems import LESIONS
from ..situation.problems import MASK
from ..situation.problems import PARTS
from ..situation.problems import usesZeroForMissing
from ..situation.scans_state import examinationTitle
from ..situation.state import BASELINE
from ..situation.state import CORRECT
from ..situation.state import EXAMINATIONS
from ..situation.state import FAILURE
from ..situation.state import SCANS
from ..situation.state import STEPS
from ..situation.state import WARNING
from ..situation.state import PanelState
from ..turns import Steps
from ..turns import aside
from ..turns import atOnce
from .requirement import require


class ScanCommands(Session):
    """What the user can do with the scans."""

    # The case whose work was taken up.
    _takenUp = ""
    # Whether the user was asked for what finds the brain; a refusal holds for the session.
    _brainPackageOffered = False
    # Whether the worker was asked to load torch before anybody waits for it.
    _isWarm = False

    def __init__(self, client: WorkerClient, parameterNode) -> None:
        super().__init__(client, parameterNode)
        # Case and number of tuned versions that cannot be judged, so that it is not tried after each mark.
        self._unjudged: set[tuple[str, str]] = set()

    def loadSample(self, organ: str | None = None, *, waitForCompletion: bool = False) -> None:
        """Load the sample case of an organ, that of the chosen model by default, and choose its images."""
        organ = organ or self.reader.models.card(self._parameters.model).organ
        self.requests.take(_("Loading the sample case"), self._loadSampleInTurns(organ))
        if waitForCompletion:
            self.requests.wait()

    def _loadSampleInTurns(self, organ: str) -> Steps:
        from ..scene.sample_data import loadInTurns

        loaded = yield from loadInTurns(organ)
        parameters = self._parameters
        parameters.model = self.reader.models.keyOfOrgan(organ)
        card = self.reader.models.card(parameters.model)
        with slicer.util.NodeModify(parameters.parameterNode):
            for examination, nodes in loaded.items():
                for part, pathway in zip(PARTS, card.pathways, strict=False):
                    setattr(parameters, f"{examination}{part}", nodes.get(pathway.sequence))
                setattr(parameters, f"{examination}{MASK}", nodes["mask"])
                setattr(parameters, f"{examination}{LESIONS}", nodes.get("lesions"))
            parameters.step = SCANS
            parameters.result = parameters.comparedResult = ""
        self.say(_("The sample case is loaded; press Start."))

    def chooseModel(self, key: str) -> None:
        """Work with another base model."""
        self._parameters.model = key

    def addModel(self, folder: str) -> None:
        """Offer a model from a folder, and choose it.

        Raises:
            InputError: it is no folder of a model.
        """
        self._parameters.model = self.reader.models.add(Path(folder))
        self.changed()

    def seriesCandidates(self, examination: str, part: str) -> list[Candidate]:
        """The volumes that can serve a series, those of the chosen one first or by name."""
        card = self.reader.models.card(self._parameters.model)
        sequence = card.pathways[PARTS.index(part)].sequence
        return seriesCandidates(getattr(self._parameters, f"{examination}{part}"), sequence)

    def makeSeries(self, examination: str, part: str, items: list[tuple[str, int]]) -> None:
        """Make one series of single volumes and choose it.

        Args:
            items: node and number of the volume in it, counted from 0, for each volume of the series.

        Raises:
            InputError: there is no volume, or the volumes do not lie on one grid.
        """
        nodes = [slicer.mrmlScene.GetNodeByID(identifier) for identifier, _channel in items]
        if not nodes or None in nodes:
            raise InputError(_("There is no volume to make a series of; load the volumes first."))
        images = [volumeImages(node)[channel] for node, (_id, channel) in zip(nodes, items, strict=True)]
        for image, node in zip(images, nodes, strict=True):
            if image.GetSize() != images[0].GetSize():
                message = _(
                    "{volume} has another size than {first}; the volumes of one series must lie on one grid."
                )
                raise InputError(message.format(volume=node.GetName(), first=nodes[0].GetName()))
        card = self.reader.models.card(self._parameters.model)
        name = f"{examinationTitle(examination)} {card.pathways[PARTS.index(part)].sequence}"
        setattr(self._parameters, f"{examination}{part}", sequenceNode(images, name))

    def showChannel(self, number: int) -> None:
        """Show another volume of a series, counted from 1."""
        self._parameters.shownChannel = int(number)

    def start(self, *, waitForCompletion: bool = False) -> None:
        """Bring both examinations into their case, with what the base CNN finds.

        Raises:
            InputError: the chosen images cannot be used; the message says what and the way out.
        """
        state, parameters = self.state, self._parameters
        require(state.canStart)
        card = self.reader.models.card(parameters.model)
        registration, motion = (
            None if choice == BY_MODEL else choice
            for choice in (parameters.registration, parameters.motionCorrection)
        )
        ensurePackages(card, motion)
        if self._estimatesBrain(card) and not self._brainPackageOffered:
            self._brainPackageOffered = True
            offerBrainPackage()
        folder = self.reader.caseFolder(self.facts)
        self.say("")
        arguments = {
            "folder": str(folder),
            "model": str(self.reader.models.folder(parameters.model)),
            "registration": registration,
            "motion_correction": motion,
            "missing_sequence": "zero" if usesZeroForMissing(self.facts.images, card) else "error",
        }
        title = _("Preparing")
        self.requests.take(title, self._writeInTurns(title, card, folder, arguments))
        # The worker loads torch while the images are written.
        self.requests.ask(title, "hello", {}, self._workerKnown)
        if waitForCompletion:
            self.requests.wait()

    def _estimatesBrain(self, card: ModelCard) -> bool:
        """Whether a brain mask is missing."""
        masks = [f"{examination}{MASK}" for examination in EXAMINATIONS]
        return card.organ == "brain" and not all(mask in self.facts.images for mask in masks)

    def _writeInTurns(self, title: str, card: ModelCard, folder: Path, arguments: dict[str, Any]) -> Steps:
        inputs = yield from writeInputs(self._parameters, card, folder)
        if self.reader.caseFolder(self.facts) != folder:
            raise InputError(_("The images were changed while they were read; press Start again."))
        self.requests.ask(
            title,
            "prepare",
            arguments | inputs,
            lambda answer: self._prepared(folder),
            lambda part: self.stage.showSeen(str(folder), SeenSlice.from_dict(part)),
        )

    def cancel(self) -> None:
        """Stop what runs and what waits; what is complete is kept."""
        self.requests.cancel()

    def openCaseFolder(self) -> None:
        """Show the case in the system's file browser."""
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(self.state.caseFolder))

    def showStep(self, step: str) -> None:
        """Go to one of the three steps.

        Raises:
            InputError: there is nothing to show in it yet.
        """
        if step not in STEPS:
            raise InputError(f"There is no step {step!r}; use one of {', '.join(STEPS)}.")
        if step == CORRECT:
            require(self.state.canCorrect)
            self.ensureCorrections()
        elif step != SCANS:
            require(self.state.canReview)
        self._parameters.step = step
        self.stage.takeViewsBack()
        self._refreshNow()

    def showViews(self) -> None:
        """Bring our views back after another layout was chosen."""
        self.stage.takeViewsBack()

    def goOn(self, earlier: PanelState) -> None:
        """Where images are chosen whose case is prepared already, its work is taken up."""
        if not self.stage.isEntered or self.requests.isBusy:
            return
        state = self._state
        if not state.isPrepared and earlier.running is None and state.baseline.shownId and not self._isWarm:
            self._isWarm = True
            self.requests.askAhead(_("Starting the CNN"), "hello", {}, self._workerKnown)
        if state.isPrepared and not earlier.isPrepared:
            title = _("Taking up the work on these images")
            self.requests.take(title, self._takeUpInTurns(state.caseFolder))
        elif not state.isPrepared:
            self._takenUp = ""
            if earlier.isPrepared and _areChanged(earlier, state):
                message = _("The images were changed since; undo that, or press Start to prepare them anew.")
                self.say(message, WARNING)

    def ensureCorrections(self) -> None:
        """Begin the corrections of this baseline where there are none yet."""
        atOnce(self._ensureInTurns())

    def _ensureInTurns(self) -> Steps:
        if self.state.isPrepared and not self.state.corrections.nodeId:
            yield from self._beginInTurns(isKnown=self._parameters.baselineLesions is not None)

    def beginCorrections(self, *, isKnown: bool) -> None:
        """Begin the corrections anew, from known lesions or from what the base CNN found.

        Raises:
            InputError: known lesions are asked for and none are chosen.
        """
        atOnce(self._beginInTurns(isKnown=isKnown))

    def _beginInTurns(self, *, isKnown: bool) -> Steps:
        facts, parameters = self.facts, self._parameters
        first = facts.images[f"{BASELINE}{PARTS[0]}"]
        grid = facts.case.workingGrid
        if isKnown and parameters.baselineLesions is None:
            raise InputError(_("Choose known lesions of the baseline in step 1 first."))
        if isKnown:
            start = labelImage(parameters.baselineLesions)
            yield
        else:
            folder, card = Path(self.state.caseFolder), self.reader.models.card(parameters.model)
            start = yield from aside(lambda: _foundByBaseCnn(folder, card, grid))
        if self.facts.images != facts.images:
            # Other images were chosen meanwhile, so these are no lesions of theirs.
            return
        volume = slicer.mrmlScene.GetNodeByID(self.state.baseline.shownId)
        parameters.corrections = corrections.begin(volume, first.content, grid, start, isKnown=isKnown)
        yield
        self._refreshNow()

    def proposedSlices(self) -> list[SliceProposal]:
        """The baseline slices from which the CNN can learn most, best first."""
        from ..situation.correct_state import proposedSlices

        return list(proposedSlices(self.facts))

    def workAhead(self) -> None:
        """Do now, while slices are corrected, what need not wait: the base CNN's result, patches of the slices, and the
        verdict on the shown version where there is none, since newer work may have ended it.
        """
        state, parameters = self.state, self._parameters
        if not state.isPrepared:
            return
        if not any(version.isBase for version in state.review.versions):
            arguments = {
                "case": state.caseFolder,
                "weights": "base",
                "repetitions": 0,
                "seed": parameters.seed,
            }
            title = _("Base CNN")
            self.requests.askAhead(title, "segment", arguments, lambda answer: self.changed())
        slices = sorted(row.slice for row in state.corrections.rows)
        if slices:
            settings = {"rotation_degrees": parameters.rotation, "seed": parameters.seed}
            arguments = {"case": state.caseFolder, "slices": slices, **settings}
            self.requests.askAhead(_("Getting ready to learn"), "prepare_tuning", arguments)
        wanted = (state.caseFolder, state.review.decidable)
        if state.review.decidable and not state.review.verdictDetails and wanted not in self._unjudged:
            arguments = {"case": state.caseFolder, "number": state.review.decidable}
            self.requests.askAhead(
                _("Judging what was learned"),
                "judge",
                arguments,
                lambda answer: self.changed(),
                lambda failure: self._unjudged.add(wanted),
            )

    def _prepared(self, folder: Path) -> None:
        self._isDirty = True
        self.requests.take(_("Preparing"), self._takeUpInTurns(str(folder)))

    def _takeUpInTurns(self, folder: str) -> Steps:
        """Begin or go on with the corrections of a prepared case, and let the CNN look at the follow-up."""
        # Where other images were chosen meanwhile, this case waits for its own.
        isOurs = self.state.isPrepared and self.state.caseFolder == folder
        if not isOurs or self._takenUp == folder:
            return
        self._takenUp = folder
        yield
        yield from self._ensureInTurns()
        if self._message.kind != FAILURE:
            self.say(_("Correct a slice, or look at what the CNN finds."))
        self.workAhead()

    def _workerKnown(self, answer: dict) -> None:
        self.device = answer["device"]
        self.changed()


def _foundByBaseCnn(caseFolder: Path, card: ModelCard, grid: Grid) -> sitk.Image:
    """The lesions of the baseline, uint8 0/1 on the working grid; no node is touched."""
    from ...engine.case.case import Case
    from ...engine.lesions.lesions import binarize
    from ...engine.network.prepared import open_examination

    baseline = open_examination(Case.open(caseFolder), BASELINE)
    found = binarize(baseline.base_probability, baseline.organ_mask, card.post_processing)
    return grid.image(found.astype("uint8"))


def _areChanged(earlier: PanelState, now: PanelState) -> bool:
    """Whether the same nodes hold other voxels, or lie elsewhere."""
    before, after = (
        [image for examination in state.examinations for image in examination.images]
        for state in (earlier, now)
    )
    areSame = [image.nodeId for image in before] == [image.nodeId for image in after]
    return areSame and [image.content for image in before] != [image.content for image in after]
