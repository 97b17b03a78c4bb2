"""What was read of nodes, settings and case before anything is concluded from it; pure Python, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from types import MappingProxyType
from typing import Any

from ...engine.images.geometry import Grid
from ...engine.live_files import LiveTuning
from ...engine.model.card import ModelCard
from ...engine.tuning.slice_proposal import DISTANCE_MM
from ...engine.tuning.slice_proposal import PAPER
from ...engine.tuning.slice_proposal import SliceProposal
from .state import BASELINE
from .state import LesionRow
from .state import Message
from .state import ModelChoice
from .state import Running


def nothing() -> Mapping[str, Any]:
    """An empty mapping that cannot be changed."""
    return MappingProxyType({})


@dataclass(frozen=True)
class ImageFacts:
    """A chosen volume, sequence of volumes, mask or segmentation.

    Attributes:
        content: hash of all voxels together with where they lie, empty where it cannot be read.
        grid: of the first volume, parent transforms applied, LPS; None for what has no grid of its own.
        volumes: number of 3D volumes in it.
        patient, date: as the subject hierarchy gives them from DICOM, empty otherwise.
        instances: DICOM instance UIDs of the first volume, empty where Slicer's DICOM module did not load it.
        problem: one sentence where it cannot be used at all.
        marksNothing: of masks: nothing of it lies on the first sequence.
    """

    nodeId: str
    name: str
    content: str = ""
    grid: Grid | None = None
    volumes: int = 1
    patient: str = ""
    date: str = ""
    instances: tuple[str, ...] = ()
    problem: str = ""
    marksNothing: bool = False


@dataclass(frozen=True)
class SliceContent:
    """What is drawn on a slice of the working grid: hashes now and at the start, and the area that is marked."""

    content: str
    start: str
    areaMm2: float


@dataclass(frozen=True)
class CorrectionFacts:
    """A segmentation of corrections and what it remembers.

    Attributes:
        baseline: content of the baseline that it belongs to.
        marks: hash of each slice at the moment it was marked, by slice.
        slices: what is drawn now, of all slices that were asked for.
        startAreas: mm2 that each slice with a lesion had at the start.
        learned: by number of a tuned version, the fingerprint of the marks it learned from.
        proposed: the open slices that are proposed now, best first; empty before the CNN learned from any.
        live: what the newest live tuning learned from, by the hash of the corrected slices; empty before the first.
        shifts: the shift of the lesion logit that the user chose for slices, by slice.
    """

    nodeId: str
    segmentId: str
    baseline: str
    marks: Mapping[int, str] = field(default_factory=nothing)
    added: tuple[int, ...] = ()
    slices: Mapping[int, SliceContent] = field(default_factory=nothing)
    startAreas: Mapping[int, float] = field(default_factory=nothing)
    learned: Mapping[str, str] = field(default_factory=nothing)
    startIsKnownLesions: bool = False
    proposed: tuple[int, ...] = ()
    live: str = ""
    shifts: Mapping[int, float] = field(default_factory=nothing)


@dataclass(frozen=True)
class VersionFacts:
    """A complete result of the follow-up: number, run.json, provenance.json of its head, evaluation.json.

    Attributes:
        reference: content of the known lesions that it was compared with.
        verdict: whether its tuning helped, as the engine judges it; empty where it was not asked.
        decision: who chose the base or the tuned CNN upon it; empty where nobody did.
        hasDetections: the comparison told which lesions are found, missed and false; only models of objects do.
    """

    number: str
    run: Mapping[str, Any]
    tuning: Mapping[str, Any] = field(default_factory=nothing)
    evaluation: Mapping[str, Any] = field(default_factory=nothing)
    reference: str = ""
    verdict: Mapping[str, Any] = field(default_factory=nothing)
    decision: Mapping[str, Any] = field(default_factory=nothing)
    hasDetections: bool = False


@dataclass(frozen=True)
class CaseFacts:
    """The case folder of exactly the chosen images, model and settings.

    Attributes:
        prepared: the examinations it holds.
        grids: grid of the first sequence as the user gave it, by examination.
        workingGrids: the grids that the CNN sees the examinations on.
        toBaseline: matrix 4 x 4 from the follow-up's points to the baseline's, RAS mm, row by row; empty while unknown.
        alignment: how well that brings them together, as the engine measured it; empty while unknown.
        live: what was learned while slices were corrected, None where nothing was.
        problem: one sentence where it cannot be read.
    """

    folder: str
    prepared: frozenset[str] = frozenset()
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
    grids: Mapping[str, Grid] = field(default_factory=nothing)
    workingGrids: Mapping[str, Grid] = field(default_factory=nothing)
    toBaseline: tuple[float, ...] = ()
    alignment: Mapping[str, Any] = field(default_factory=nothing)
    versions: tuple[VersionFacts, ...] = ()
    proposals: tuple[SliceProposal, ...] = ()
    lesions: tuple[LesionRow, ...] = ()
    live: LiveTuning | None = None
    problem: str = ""

    @property
    def workingGrid(self) -> Grid | None:
        """The grid whose slices are corrected."""
        return self.workingGrids.get(BASELINE)


@dataclass(frozen=True)
class Settings:
    """What the user chose and what is kept with the scene, see `PanelParameters`."""

    step: str = "scans"
    result: str = ""
    comparedResult: str = ""
    proposedSlices: int = 0
    criterion: str = PAPER
    distance: float = DISTANCE_MM
    learnWhileCorrecting: bool = True
    shownChannel: int = 0
    sideBySide: bool = True
    registration: str = ""
    motionCorrection: str = ""
    showOutlines: bool = True
    showCompared: bool = False
    showDetections: bool = True
    showUncertainty: bool = True
    showWorkingImages: bool = False
    outlinesOpacity: float = 1.0
    comparedOpacity: float = 1.0
    uncertaintyOpacity: float = 0.7
    uncertaintyThreshold: float = 0.03
    alignmentBlend: float = 0.5


@dataclass(frozen=True)
class Facts:
    """Everything that the state is computed from.

    Attributes:
        images: the chosen images by field of `PanelParameters`, such as "baselineFirst"; absent where none is chosen.
        card: of the chosen model, None where it cannot be read; `modelProblem` says why.
        shownIds: the node that views show, by examination; another than the chosen one for a series.
        shownSlice: the slice of the working grid that the baseline's view shows, None outside or elsewhere.
        isAligning: the user looks at how baseline and follow-up lie on each other.
    """

    images: Mapping[str, ImageFacts] = field(default_factory=nothing)
    card: ModelCard | None = None
    model: str = ""
    models: tuple[ModelChoice, ...] = ()
    modelProblem: str = ""
    settings: Settings = Settings()
    case: CaseFacts | None = None
    corrections: CorrectionFacts | None = None
    shownIds: Mapping[str, str] = field(default_factory=nothing)
    shownSlice: int | None = None
    selectedLesion: str = ""
    isAligning: bool = False
    running: Running | None = None
    message: Message = field(default_factory=Message)
    isUsersLayout: bool = False
    casesFolder: str = ""
    isCasesFolderChosen: bool = True
    device: str = ""
