"""The case folder: everything about one patient's two examinations, safe against crashes and enough to resume."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.atomic import make_folder
from ..files.atomic import write_text
from ..files.lock import locked
from . import layout
from . import versions
from .case_file import CaseValues
from .case_file import as_text
from .case_file import read_case_file
from .dates import ExaminationDates
from .examination_record import ExaminationRecord
from .layout import CASE_NAME
from .layout import EXAMINATIONS
from .layout import LOCK_NAME
from .layout import case_exists


@dataclass
class Case:
    """One patient's case folder, opened.

    `create` makes it, `open` resumes it. Everything in it is written to a temporary name and moved in place
    when complete: an examination counts from the moment case.json names it, a tuned model or a result from the
    moment its folder has its number. Rolling back moves a pointer; only `remove_version` deletes.

    Several processes may work on one case. What changes case.json, or moves something in place that others see,
    holds the lock of the case, which takes no longer than moving files, and reads case.json again first.

    Attributes:
        folder: where the case lives.
        model: name, version and content hash of the base model, and the folder it was read from.
        examinations: records of the prepared examinations, by "baseline" and "followup".
        current: which tuned model and which result are shown, by "tuned" and "results"; None is the base model.
        dates: when the examinations were made, as far as it is known.
    """

    folder: Path
    model: dict[str, str] = field(default_factory=dict)
    examinations: dict[str, ExaminationRecord] = field(default_factory=dict)
    current: dict[str, str | None] = field(default_factory=lambda: {"tuned": None, "results": None})
    dates: ExaminationDates = field(default_factory=ExaminationDates)

    @classmethod
    def create(cls, folder: Path, *, model: dict[str, str]) -> Case:
        """Make a new case folder for a base model, or resume the one that is there.

        Raises:
            InputError: the folder belongs to another model, to a newer version, or cannot be written to.
        """
        folder = Path(folder)
        if not case_exists(folder):
            make_folder(folder, parents=True)
            with locked(folder / LOCK_NAME, f"the case {folder}"):
                # Another process may have made it since.
                if not case_exists(folder):
                    layout.require_own_folders(folder)
                    case = cls(folder, model=dict(model))
                    case._write()
                    return case
        case = cls.open(folder)
        if case.model.get("sha256") != model.get("sha256"):
            message = (
                f"The case folder {folder} was made with the model {case.model.get('name')}"
                f" ({case.model.get('sha256', '')[:12]}), not with {model.get('name')}"
                f" ({model.get('sha256', '')[:12]}); choose a new case folder for another model."
            )
            raise InputError(message)
        return case

    @classmethod
    def open(cls, folder: Path) -> Case:
        """Resume a case from its folder.

        Raises:
            InputError: no case there, damaged case.json, a case made by a newer version of the program, or one
                whose folders are links that lead elsewhere.
        """
        case = cls(Path(folder))
        case._read()
        return case

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the case alone, knowing what other processes wrote since it was opened.

        Raises:
            InputError: another process does not let go of it, it is gone, or it was replaced by another case.
        """
        if not case_exists(self.folder):
            raise InputError(self._gone())
        with locked(self.folder / LOCK_NAME, f"the case {self.folder}"):
            model = self.model.get("sha256")
            if not case_exists(self.folder):
                raise InputError(self._gone())
            self._read()
            if model is not None and self.model.get("sha256") != model:
                message = f"The case folder {self.folder} now holds another case; open it again."
                raise InputError(message)
            layout.remove_unfinished(self.folder)
            yield

    def examination_folder(self, name: str) -> Path:
        """The folder of "baseline" or "followup"."""
        if name not in EXAMINATIONS:
            message = f"There is no examination {name!r}; use one of {', '.join(EXAMINATIONS)}."
            raise InputError(message)
        return self.folder / name

    def record(self, name: str) -> ExaminationRecord:
        """The record of a prepared examination.

        Raises:
            InputError: the examination has not been prepared in this case.
        """
        if name not in self.examinations:
            self.examination_folder(name)
            message = (
                f"The {name} examination of {self.folder} is not prepared yet; run prepare with its images."
            )
            raise InputError(message)
        return self.examinations[name]

    @contextmanager
    def new_examination(self, name: str, record: ExaminationRecord) -> Iterator[Path]:
        """Yield an empty folder whose files become those of an examination when the block ends well.

        Raises:
            InputError: another process prepared this examination from other images meanwhile, or the case is gone.
        """
        target = self.examination_folder(name)
        with self._made_aside(self.folder) as temporary:
            yield temporary
            with self.alone():
                if name not in self.examinations:
                    make_folder(target)
                    versions.move_in(temporary, target)
                    self.examinations[name] = record
                    self._write()
                elif not record.same_input(self.examinations[name]):
                    message = (
                        f"{self.folder} holds another {name} that was prepared meanwhile from other images or"
                        " settings; choose a new case folder."
                    )
                    raise InputError(message)

    @property
    def annotation_folder(self) -> Path:
        """Where the researcher's labels and the list of corrected slices are kept."""
        return layout.annotation_folder(self.folder)

    def versions(self, kind: str) -> list[str]:
        """Numbers of the complete versions of "tuned" or "results", oldest first."""
        return versions.version_numbers(self.folder, kind)

    def version_folder(self, kind: str, number: str) -> Path:
        """The folder of one version.

        Raises:
            InputError: there is no such version.
        """
        known = self.versions(kind)
        if number not in known:
            listed = ", ".join(known) or "none"
            message = f"{self.folder} has no {kind} version {number}; the versions there are: {listed}."
            raise InputError(message)
        return self.folder / kind / number

    def version_info(self, kind: str, number: str) -> dict[str, Any]:
        """What the final JSON of one version says.

        Raises:
            InputError: there is no such version or its JSON is damaged.
        """
        return versions.version_info(self.version_folder(kind, number), kind)

    @contextmanager
    def new_version(self, kind: str, *, origin: Mapping[str, Any] | None = None) -> Iterator[Path]:
        """Yield an empty folder that becomes the next version, and the current one, when the block ends well.

        The folder's own name tells nothing; read the number from `current` afterwards.

        Args:
            origin: what the version is made from; where another process made an equal one meanwhile, that becomes
                current instead. A tuned version that it names must still be there.

        Raises:
            InputError: the case, or the tuned version that this one was made with, is gone.
        """
        final = layout.FINAL_JSON[kind]
        with self._made_aside(self.folder / kind) as temporary:
            yield temporary
            if not (temporary / final).is_file():
                message = f"A version of {kind} was left without {final}."
                raise RuntimeError(message)
            with self.alone():
                if origin is not None and origin.get("tuned") is not None:
                    self.version_folder("tuned", str(origin["tuned"]))
                number = None if origin is None else self._made_from(kind, origin)
                self._point_to(kind, number or versions.claim_number(self.folder, kind, temporary))

    @contextmanager
    def additions(self, kind: str, number: str) -> Iterator[Path]:
        """Yield an empty folder whose files are added to a version when the block ends well, its final JSON last.

        Raises:
            InputError: the version was removed meanwhile.
        """
        with self._made_aside(self.folder / kind) as temporary:
            yield temporary
            with self.alone():
                versions.move_in(temporary, self.version_folder(kind, number), last=layout.FINAL_JSON[kind])

    @contextmanager
    def live_files(self) -> Iterator[Path]:
        """Yield an empty folder whose files replace those of the latest live tuning when the block ends well.

        Raises:
            InputError: the case is gone.
        """
        target = layout.live_folder(self.folder)
        with self._made_aside(target) as temporary:
            yield temporary
            with self.alone():
                versions.move_in(temporary, target, last=layout.LIVE_JSON)

    def set_current(self, kind: str, number: str | None) -> None:
        """Point to a version, or with None back to the base model; nothing is deleted.

        Raises:
            InputError: there is no such version.
        """
        versions.require_kind(kind)
        with self.alone():
            self._point_to(kind, number)

    def set_dates(self, *, baseline: date | None = None, followup: date | None = None) -> None:
        """Say when the examinations were made; None leaves a date as it is.

        Raises:
            InputError: the baseline was made after the follow-up.
        """
        with self.alone():
            known = self.dates
            self.dates = ExaminationDates(baseline or known.baseline, followup or known.followup).in_order()
            self._write()

    def made_before(self, kind: str, origin: Mapping[str, Any]) -> str | None:
        """The newest version that was made from the same things, which becomes current; None without any."""
        if self._made_from(kind, origin) is None:
            return None
        with self.alone():
            number = self._made_from(kind, origin)
            if number is not None:
                self._point_to(kind, number)
            return number

    def remove_version(self, kind: str, number: str) -> None:
        """Delete one version for good; where it was the current one, the newest that is left becomes current.

        Raises:
            InputError: there is no such version, or results still rest on this tuned one.
        """
        versions.require_kind(kind)
        with self.alone():
            folder = self.version_folder(kind, number)
            if kind == "tuned":
                self._require_unused(number)
            if self.current[kind] == number:
                # The pointer moves first, so that it never points at nothing.
                left = [other for other in self.versions(kind) if other != number]
                self._point_to(kind, left[-1] if left else None)
            versions.drop(folder)

    def _require_unused(self, tuned: str) -> None:
        resting = [
            n for n in self.versions("results") if self.version_info("results", n).get("tuned") == tuned
        ]
        if resting:
            message = f"The tuned version {tuned} made the results {', '.join(resting)}; remove these first."
            raise InputError(message)

    def _made_from(self, kind: str, origin: Mapping[str, Any]) -> str | None:
        for number in reversed(self.versions(kind)):
            with suppress(InputError):
                # One that is damaged, or removed in this moment, is none to go on with.
                if versions.agrees(versions.version_info(self.folder / kind / number, kind), origin):
                    return number
        return None

    def _point_to(self, kind: str, number: str | None) -> None:
        if number is not None:
            self.version_folder(kind, number)
        if self.current[kind] != number:
            self.current[kind] = number
            self._write()

    @contextmanager
    def _made_aside(self, parent: Path) -> Iterator[Path]:
        if not case_exists(self.folder):
            raise InputError(self._gone())
        layout.require_own_folders(self.folder)
        layout.remove_unfinished(self.folder)
        make_folder(parent)
        try:
            with versions.made_aside(parent) as temporary:
                yield temporary
        finally:
            if not case_exists(self.folder):
                # Somebody removed the case while this ran; what that left behind is only empty folders.
                for folder in (parent, self.folder):
                    with suppress(OSError):
                        folder.rmdir()

    def _read(self) -> None:
        values = read_case_file(self.folder)
        layout.require_own_folders(self.folder)
        self.model, self.examinations, self.dates = values.model, values.examinations, values.dates
        self.current = {kind: self._still_there(kind, values.current.get(kind)) for kind in layout.FINAL_JSON}

    def _still_there(self, kind: str, number: str | None) -> str | None:
        """The version that is pointed to; the newest that is left where somebody deleted its folder."""
        if number is None:
            return None
        known = self.versions(kind)
        if number in known:
            return number
        return known[-1] if known else None

    def _write(self) -> None:
        values = CaseValues(self.model, self.examinations, self.current, self.dates)
        write_text(self.folder / CASE_NAME, as_text(values))

    def _gone(self) -> str:
        return f"{self.folder} is not a case folder, since it has no {CASE_NAME}; run prepare first."


CaseLike = Case | Path | str


def opened(case: CaseLike) -> Case:
    """A case, opened where it is given by its folder."""
    return case if isinstance(case, Case) else Case.open(Path(case))
