"""What is so: everything the panel shows and allows, frozen, computed once for each change; pure Python."""

from __future__ import annotations

from dataclasses import dataclass

SCANS, CORRECT, RESULT = STEPS = ("scans", "correct", "result")
EXAMINATIONS = BASELINE, FOLLOWUP = ("baseline", "followup")
# What became of a slice.
UNTOUCHED, IN_PROGRESS, CORRECTED, CHANGED_SINCE = "untouched", "in progress", "corrected", "changed since"
INFO, WARNING, FAILURE = "info", "warning", "failure"

Place = tuple[float, float, float]


@dataclass(frozen=True)
class Allowed:
    """Whether a command can be given now; `reason` says in one sentence why not, and is a tooltip."""

    reason: str = ""

    def __bool__(self) -> bool:
        """Whether it is allowed."""
        return not self.reason


@dataclass(frozen=True)
class ChosenImage:
    """One selector of step 1 and what is chosen there.

    Attributes:
        field: the field of `PanelParameters`, such as "baselineFirst".
        title: "FLAIR", "T1", "Brain mask", "Known lesions".
        isUsed: False where the model has no such sequence; its selector is hidden.
        isNeeded: whether the work cannot start without it.
        nodeId: empty where none is chosen.
        content: hash of voxels and place, empty where none is chosen.
        volumes: number of volumes in it.
    """

    field: str
    title: str
    isUsed: bool
    isNeeded: bool
    nodeId: str = ""
    name: str = ""
    content: str = ""
    volumes: int = 0


@dataclass(frozen=True)
class Examination:
    """One column of step 1.

    Attributes:
        name: "baseline" or "followup"; `title` is what users read.
        images: first sequence, second sequence, organ mask, known lesions.
        identity: patient and date as the subject hierarchy gives them, empty where it does not.
        shownId: the volume that the views show of it, empty where none is chosen.
        isPrepared: whether the case of exactly these images holds it.
        notes: what the preparation has to say, such as that the organ mask was estimated.
    """

    name: str
    title: str
    images: tuple[ChosenImage, ...] = ()
    identity: str = ""
    shownId: str = ""
    isPrepared: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelChoice:
    """One entry of the list of models; `key` is its folder name where it came with the extension, else its folder."""

    key: str
    name: str
    description: str
    organ: str
    problem: str = ""


@dataclass(frozen=True)
class SeriesTarget:
    """A series that can be made of volumes that were loaded one by one.

    Attributes:
        part: "First" or "Second"; `title` such as "Baseline DCE".
        rows: what each volume of it is.
    """

    examination: str
    part: str
    title: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class SliceRow:
    """One row of step 2.

    Attributes:
        slice: index on the baseline's working grid, by which commands name it.
        title: place as the slice view says it, such as "S 52.7 mm".
        why: why it is proposed, "added by you" where it is not.
        doubt: how much of it the CNN is in doubt about, as users read it; empty where it is corrected.
        lesionAreaMm2: what is drawn on it now.
        status: one of UNTOUCHED, IN_PROGRESS, CORRECTED, CHANGED_SINCE; `statusTitle` is what users read.
        isShown: whether the baseline's view shows it now; it is the one that "Corrected" marks.
    """

    slice: int
    title: str
    why: str
    lesionAreaMm2: float
    status: str
    statusTitle: str
    isProposed: bool
    isShown: bool
    doubt: str = ""


@dataclass(frozen=True)
class Corrections:
    """What is drawn on the baseline.

    Attributes:
        nodeId: the segmentation node, empty where corrections are not begun (or were deleted).
        segmentId: the segment that is edited.
        summary: one line, what the CNN learns from now and what the shown result has learned from.
        learned: the slices that tuning would learn from now.
        isLearned: whether the open slices show what was learned from exactly these.
        shift: of the lesion logit, that the user chose for the slice that is shown.
    """

    nodeId: str = ""
    segmentId: str = ""
    rows: tuple[SliceRow, ...] = ()
    learned: tuple[int, ...] = ()
    isLearned: bool = False
    summary: str = ""
    startIsKnownLesions: bool = False
    shift: float = 0.0


@dataclass(frozen=True)
class Version:
    """One version of the result of the follow-up.

    Attributes:
        number: by which commands name it.
        title: "Base CNN" or "Patient-specific CNN 2"; `details` how it was tuned.
        tuned: number of the tuned CNN, empty for the base CNN.
        judged: how it agrees with the known lesions that are chosen now, empty where that is not known.
        correctionsChanged: whether corrections changed since it was tuned.
    """

    number: str
    title: str
    details: str
    lesions: int
    volumeMl: float
    isBase: bool
    hasUncertainty: bool
    tuned: str = ""
    judged: str = ""
    correctionsChanged: bool = False


@dataclass(frozen=True)
class LesionRow:
    """One row of step 3: a lesion, or a group that joined or fell apart.

    Attributes:
        key: by which commands name it.
        label: what users read, such as "3" or "2 + 5".
        change: "new", "grown", "stable", "shrunk", "vanished", "merged", "split", empty where change is not known;
            `changeTitle` is what users read.
        beforeMm3: None where it was not there; afterMm3 likewise.
        growth: relative change of volume, None where there is none.
        isSure: whether the change exceeds what measuring again would show; None where that is not known.
        changeProbability: that the named change is real; None where that is not known.
        uncertainty: mean standard deviation of the lesion softmax, None where not computed.
        baselinePlace, followupPlace: RAS mm, each in its own examination; None where it cannot be told.
    """

    key: str
    label: str
    change: str
    changeTitle: str
    beforeMm3: float | None
    afterMm3: float | None
    growth: float | None
    probability: float | None
    uncertainty: float | None
    baselinePlace: Place | None
    followupPlace: Place | None
    isSure: bool | None = None
    changeProbability: float | None = None


@dataclass(frozen=True)
class Provenance:
    """How the shown version was made.

    Attributes:
        facts: title and value, as users read them.
        loss: error on the corrected slices after each iteration, empty where nothing was tuned.
    """

    facts: tuple[tuple[str, str], ...] = ()
    loss: tuple[float, ...] = ()


@dataclass(frozen=True)
class Review:
    """What step 3 shows.

    Attributes:
        versions: newest first.
        shown, compared: numbers; empty without.
        sentence: the verdict in one or two lines, such as "12 lesions, 4.1 ml. Since the baseline: 2 new, 1 grown."
        judged: sentence on the comparison with known lesions, empty without.
        verdict: whether tuning helped on slices that it did not see, as the engine judges it; empty where not asked.
        verdictDetails: the same in the engine's words.
        recommended: "base" or "tuned", which CNN the verdict speaks for; empty where it cannot know.
        decidable: number of the tuned CNN that can be used or rejected; empty without one.
        decided: "base" or "tuned" where somebody decided upon it; `decision` says who and when.
        alignment: how well baseline and follow-up lie on each other, one line; empty while that is not known.
        isAligned: False where change cannot be trusted because they do not.
        isAlignmentOld: the shown version was made with another alignment than the one that is used now.
        isAligning: the user looks at the alignment.
        provenance: of the shown version.
        overlays: which check marks make sense now: subset of {"outlines", "compared", "detections", "uncertainty"}.
    """

    versions: tuple[Version, ...] = ()
    shown: str = ""
    compared: str = ""
    sentence: str = ""
    judged: str = ""
    verdict: str = ""
    verdictDetails: str = ""
    recommended: str = ""
    decidable: str = ""
    decided: str = ""
    decision: str = ""
    alignment: str = ""
    isAligned: bool = True
    isAlignmentOld: bool = False
    isAligning: bool = False
    provenance: Provenance = Provenance()
    rows: tuple[LesionRow, ...] = ()
    selected: str = ""
    overlays: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Running:
    """What runs in the worker; `isAhead` where nobody waits for it (then it is shown, but not as Cancel).

    Attributes:
        text: such as "Preparing the baseline: features".
        fraction: 0 to 1; None where it is not known.
        secondsLeft: None where it is not known.
    """

    text: str
    fraction: float | None = None
    secondsLeft: float | None = None
    isAhead: bool = False


@dataclass(frozen=True)
class Message:
    """The last thing that was said; `kind` is INFO, WARNING or FAILURE."""

    text: str = ""
    kind: str = INFO


@dataclass(frozen=True)
class ViewPlan:
    """What the slice views show; empty layout means that the user's own layout stays.

    Attributes:
        layout: "both", "baseline", "followup" or "".
        baselineId, followupId: the volumes in the views of the examinations.
        isUsersLayout: the user chose another layout since; `Commands.showViews` brings ours back.
    """

    layout: str = ""
    baselineId: str = ""
    followupId: str = ""
    isUsersLayout: bool = False


@dataclass(frozen=True)
class Overlay:
    """What lies over the images of one examination.

    Attributes:
        role: "corrections", "outlines" of the shown version, "compared", "before" (lesions of the baseline), "detections",
            "uncertainty", "blend" (the other examination, as the alignment brings it here), "organ" (mask that the CNN works in), "image" (what the CNN sees).
        source: the segmentation node of corrections, otherwise the number of the version; empty for prepared images.
    """

    role: str
    examination: str
    source: str
    opacity: float


@dataclass(frozen=True)
class PanelState:
    """Everything that sections draw.

    Attributes:
        problems: what does not fit in the chosen images, one sentence each; empty when they can be prepared.
        hints: what is not wrong but worth knowing (examinations of two patients by name, dates in reverse order).
        isPrepared: the case of exactly these images and settings holds both examinations.
        canStart ... : `Allowed`; the reason is the tooltip of the disabled button.
        seriesTargets: empty where the model needs no series.
        asksForCasesFolder: the user never said where gigabytes may be kept; ask before `start`.
        workingChannel: which channel of what the CNN sees can be looked at: of the second sequence where there is one.
        newSince: tuning now would learn from something that no version has learned from.
        channels: number of volumes in the first sequence, `shownChannel` the one that is shown, counted from 1.
        device: what the CNN runs on, empty while not known.
    """

    step: str = SCANS
    examinations: tuple[Examination, ...] = (
        Examination(BASELINE, "Baseline"),
        Examination(FOLLOWUP, "Follow-up"),
    )
    models: tuple[ModelChoice, ...] = ()
    model: str = ""
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    caseFolder: str = ""
    isPrepared: bool = False
    corrections: Corrections = Corrections()
    review: Review = Review()
    running: Running | None = None
    message: Message = Message()
    views: ViewPlan = ViewPlan()
    overlays: tuple[Overlay, ...] = ()
    channels: int = 1
    shownChannel: int = 1
    seriesTargets: tuple[SeriesTarget, ...] = ()
    casesFolder: str = ""
    asksForCasesFolder: bool = False
    workingChannel: int = 0
    workingSequence: str = ""
    device: str = ""
    newSince: bool = False
    canStart: Allowed = Allowed()
    canCancel: Allowed = Allowed()
    canCorrect: Allowed = Allowed()
    canMark: Allowed = Allowed()
    canAddSlice: Allowed = Allowed()
    canShift: Allowed = Allowed()
    canTune: Allowed = Allowed()
    canReview: Allowed = Allowed()
    canCompareVersions: Allowed = Allowed()
    canEvaluate: Allowed = Allowed()
    canExport: Allowed = Allowed()
    canExportDicom: Allowed = Allowed()
    canRemoveVersion: Allowed = Allowed()
    canStartAgain: Allowed = Allowed()
    canDecide: Allowed = Allowed()
    canAlign: Allowed = Allowed()
    canSeeWorkingImages: Allowed = Allowed()

    @property
    def baseline(self) -> Examination:
        """The first column."""
        return self.examinations[0]

    @property
    def followup(self) -> Examination:
        """The second column."""
        return self.examinations[1]
