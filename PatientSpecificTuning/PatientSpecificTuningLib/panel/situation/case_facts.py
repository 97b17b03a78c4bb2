"""What the case folder says, read anew only where its files changed; pure Python."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...engine import workflow
from ...engine.case.case import Case
from ...engine.case.layout import LIVE_JSON
from ...engine.case.layout import RESULT_JSON
from ...engine.case.layout import TUNED_JSON
from ...engine.case.layout import case_exists
from ...engine.case.layout import live_folder
from ...engine.errors import InputError
from ...engine.files.json_file import read_json_object
from ...engine.files.text_file import read_text
from ...engine.images.transform_file import read_transform
from ...engine.judging.evaluation import EVALUATION
from ...engine.lesions.alignment import QUALITY
from ...engine.lesions.alignment import TRANSFORM
from ...engine.lesions.results import DETECTIONS
from ...engine.live_files import LiveTuning
from ...engine.live_files import read_live
from ...engine.network.prepared import BASE_PROBABILITY
from ...engine.tuning.slice_proposal import SliceProposal
from ...engine.verdict.verdict import DECISION
from ...engine.verdict.verdict import VERDICT
from .facts import CaseFacts
from .facts import Settings
from .facts import VersionFacts
from .lesion_rows import lesionRows
from .places import LPS_TO_RAS
from .state import BASELINE
from .state import FOLLOWUP
from .state import LesionRow

JUDGED_AGAINST = "judged_against.txt"


class CaseReader:
    """Reads one case after the other; every file is parsed once for each of its time stamps."""

    def __init__(self) -> None:
        self._parsed: dict[tuple[Path, Hashable], tuple[Any, Any]] = {}

    def read(
        self, folder: Path, settings: Settings, wanted: Callable[[tuple[VersionFacts, ...]], str]
    ) -> CaseFacts:
        """The case in a folder, empty where there is none yet.

        Args:
            settings: by which slices are proposed.
            wanted: which of the versions is shown, by number; its table of lesions is read.
        """
        if not case_exists(folder):
            return CaseFacts(str(folder))
        try:
            return self._read(folder, settings, wanted)
        except InputError as error:
            return CaseFacts(str(folder), problem=str(error))

    def _read(
        self, folder: Path, settings: Settings, wanted: Callable[[tuple[VersionFacts, ...]], str]
    ) -> CaseFacts:
        case = self._once(folder / "case.json", lambda path: Case.open(path.parent))
        versions = self._versions(case) if FOLLOWUP in case.examinations else ()
        baseline = case.examinations.get(BASELINE)
        toBaseline = self._matrix(folder / TRANSFORM)
        return CaseFacts(
            folder=str(folder),
            prepared=frozenset(case.examinations),
            notes={name: record.notes for name, record in case.examinations.items()},
            grids={name: record.user_grid for name, record in case.examinations.items()},
            workingGrids={name: record.working_grid for name, record in case.examinations.items()},
            toBaseline=toBaseline,
            alignment=self._json(folder / QUALITY),
            versions=versions,
            proposals=() if baseline is None else self._proposals(case, settings),
            lesions=self._lesions(case, wanted(versions), toBaseline),
            live=self._once(live_folder(folder) / LIVE_JSON, _live),
        )

    def _versions(self, case: Case) -> tuple[VersionFacts, ...]:
        found = (self._version(case, number) for number in reversed(case.versions("results")))
        return tuple(version for version in found if version.run.get("examination") == FOLLOWUP)

    def _version(self, case: Case, number: str) -> VersionFacts:
        folder = case.folder / "results" / number
        run = self._json(folder / RESULT_JSON)
        tuned = case.folder / "tuned" / str(run.get("tuned"))
        return VersionFacts(
            number,
            run,
            tuning=self._json(tuned / TUNED_JSON),
            evaluation=self._json(folder / EVALUATION),
            reference=self._once(folder / JUDGED_AGAINST, _text) or "",
            verdict=self._json(tuned / VERDICT),
            decision=self._json(tuned / DECISION),
            hasDetections=(folder / DETECTIONS).is_file(),
        )

    def _proposals(self, case: Case, settings: Settings) -> tuple[SliceProposal, ...]:
        probability = case.examination_folder(BASELINE) / BASE_PROBABILITY
        chosen = {"criterion": settings.criterion, "distance_mm": settings.distance}

        def propose(_path: Path) -> tuple[SliceProposal, ...]:
            return tuple(workflow.propose(case, count="all", among="organ", **chosen))

        return self._once(probability, propose, str(chosen)) or ()

    def _lesions(self, case: Case, number: str, toBaseline: tuple[float, ...]) -> tuple[LesionRow, ...]:
        if not number:
            return ()
        folder = case.folder / "results" / number
        matrix = np.reshape(toBaseline, (4, 4)) if toBaseline else None
        return (
            self._once(folder / RESULT_JSON, lambda path: lesionRows(path.parent, matrix), toBaseline) or ()
        )

    def _matrix(self, path: Path) -> tuple[float, ...]:
        return self._once(path, transformMatrix) or ()

    def _json(self, path: Path) -> Mapping[str, Any]:
        return self._once(path, _values) or {}

    def _once(self, path: Path, parse: Callable[[Path], Any], given: Hashable = None) -> Any:
        """What `parse` makes of a file and of what else it is given, None where there is no such file."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            # A name that a damaged record gives may be none.
            return None
        stamp, key = (status.st_mtime_ns, status.st_size), (path, given)
        if key not in self._parsed or self._parsed[key][0] != stamp:
            self._parsed[key] = (stamp, parse(path))
        return self._parsed[key][1]


def transformMatrix(path: Path) -> tuple[float, ...]:
    """The 4 x 4 matrix, row by row, that brings points of the follow-up to the baseline, RAS mm; empty if damaged."""
    try:
        transform = read_transform(path)
    except (OSError, ValueError):
        return ()
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, 3] = origin
    for axis in range(3):
        unit = [0.0, 0.0, 0.0]
        unit[axis] = 1.0
        matrix[:3, axis] = np.array(transform.TransformPoint(unit)) - origin
    return tuple((LPS_TO_RAS @ matrix @ LPS_TO_RAS).ravel().tolist())


def _live(path: Path) -> LiveTuning | None:
    try:
        return read_live(path)
    except InputError:
        # It is only ahead of its time: the next mark makes it anew.
        return None


def _text(path: Path) -> str:
    try:
        return read_text(path).strip()
    except (OSError, ValueError):
        return ""


def _values(path: Path) -> Mapping[str, Any]:
    try:
        return read_json_object(path)
    except (OSError, ValueError):
        return {}
