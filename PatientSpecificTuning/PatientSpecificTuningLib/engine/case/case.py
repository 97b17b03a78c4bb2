"""The case folder: everything about one patient's two examinations, safe against crashes and enough to resume."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.atomic import write_text
from ..files.content_hash import ContentHash
from ..images.geometry import Grid

FORMAT_VERSION = 1
CASE_NAME = "case.json"
EXAMINATIONS = ("baseline", "followup")
TUNED_JSON = "provenance.json"
RESULT_JSON = "run.json"
_VERSION = re.compile(r"\d{4,}")


@dataclass(frozen=True)
class ExaminationRecord:
    """What a prepared examination was made from and on which grids it lives.

    Attributes:
        sequences: content of the files of each sequence, by sequence name.
        organ_mask: content of the organ mask that was given, None where it was estimated.
        working_grid: the grid of images.npy, organ_mask.nii.gz, features and probability.
        user_grid: the grid of the first sequence as the user gave it; results return to it.
        settings: the options of the preparation.
        notes: sentences for the user, such as that the organ mask was estimated.
    """

    sequences: dict[str, ContentHash]
    organ_mask: ContentHash | None
    working_grid: Grid
    user_grid: Grid
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()

    def same_input(self, other: ExaminationRecord) -> bool:
        """Whether both were made from the same content with the same settings."""
        return self.fingerprint() == other.fingerprint()

    def fingerprint(self) -> dict[str, Any]:
        """Content hashes and settings: what decides how the prepared examination looks."""
        mask = None if self.organ_mask is None else self.organ_mask.sha256
        hashes = {name: content.sha256 for name, content in self.sequences.items()}
        return {"sequences": hashes, "organ_mask": mask, "settings": self.settings}

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "sequences": {name: dataclasses.asdict(content) for name, content in self.sequences.items()},
            "organ_mask": None if self.organ_mask is None else dataclasses.asdict(self.organ_mask),
            "working_grid": self.working_grid.to_dict(),
            "user_grid": self.user_grid.to_dict(),
            "settings": self.settings,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ExaminationRecord:
        """Build a record from what `to_dict` gave."""
        mask = values["organ_mask"]
        return cls(
            sequences={name: ContentHash(**content) for name, content in values["sequences"].items()},
            organ_mask=None if mask is None else ContentHash(**mask),
            working_grid=Grid.from_dict(values["working_grid"]),
            user_grid=Grid.from_dict(values["user_grid"]),
            settings=values["settings"],
            notes=tuple(values["notes"]),
        )


@dataclass
class Case:
    """One patient's case folder, opened.

    `create` makes it, `open` resumes it. Everything in it is written to a temporary name and moved in place
    when complete: an examination counts from the moment case.json names it, a tuned model or a result from the
    moment its folder has its number. Rolling back moves a pointer; only `remove_version` deletes.

    Attributes:
        folder: where the case lives.
        model: name, version and content hash of the base model, and the folder it was read from.
        examinations: records of the prepared examinations, by "baseline" and "followup".
        current: which tuned model and which result are shown, by "tuned" and "results"; None is the base model.
    """

    folder: Path
    model: dict[str, str] = field(default_factory=dict)
    examinations: dict[str, ExaminationRecord] = field(default_factory=dict)
    current: dict[str, str | None] = field(default_factory=lambda: {"tuned": None, "results": None})

    @classmethod
    def create(cls, folder: Path, *, model: dict[str, str]) -> Case:
        """Make a new case folder for a base model, or resume the one that is there.

        Raises:
            InputError: the folder belongs to another model, to a newer version, or cannot be written to.
        """
        folder = Path(folder)
        if not case_exists(folder):
            case = cls(folder, model=dict(model))
            case.save()
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
            InputError: no case there, damaged case.json, or a case made by a newer version of the program.
        """
        path = Path(folder) / CASE_NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            message = f"{folder} is not a case folder, since it has no {CASE_NAME}; run prepare first."
            raise InputError(message) from error
        except (OSError, ValueError) as error:
            message = f"{path} cannot be read; restore it from a copy or prepare a new case folder."
            raise InputError(message) from error
        version = values.get("format_version") if isinstance(values, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            message = (
                f"The case folder {folder} was made by a newer version (format {version}, this program reads up"
                f" to {FORMAT_VERSION}); update the extension to open it."
            )
            raise InputError(message)
        try:
            records = {n: ExaminationRecord.from_dict(v) for n, v in values["examinations"].items()}
            return cls(Path(folder), dict(values["model"]), records, dict(values["current"]))
        except (KeyError, TypeError, AttributeError) as error:
            message = f"{path} is damaged ({error}); restore it from a copy or prepare a new case folder."
            raise InputError(message) from error

    def save(self) -> None:
        """Write case.json, complete or not at all."""
        values = {
            "format_version": FORMAT_VERSION,
            "model": self.model,
            "examinations": {name: record.to_dict() for name, record in self.examinations.items()},
            "current": self.current,
        }
        write_text(self.folder / CASE_NAME, json.dumps(values, indent=2) + "\n")

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

    @property
    def annotation_folder(self) -> Path:
        """Where the researcher's labels and the list of corrected slices are kept."""
        return self.folder / "baseline" / "annotation"

    def versions(self, kind: str) -> list[str]:
        """Numbers of the complete versions of "tuned" or "results", oldest first."""
        final = _final_json(kind)
        folders = (self.folder / kind).glob("[0-9]*")
        found = [f.name for f in folders if _VERSION.fullmatch(f.name) and (f / final).is_file()]
        return sorted(found, key=int)

    def version_folder(self, kind: str, number: str) -> Path:
        """The folder of one version.

        Raises:
            InputError: there is no such version.
        """
        if number not in self.versions(kind):
            known = ", ".join(self.versions(kind)) or "none"
            message = f"{self.folder} has no {kind} version {number}; the versions there are: {known}."
            raise InputError(message)
        return self.folder / kind / number

    def version_info(self, kind: str, number: str) -> dict[str, Any]:
        """What the final JSON of one version says.

        Raises:
            InputError: there is no such version or its JSON is damaged.
        """
        path = self.version_folder(kind, number) / _final_json(kind)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            message = f"{path} is damaged; choose another version or run the step again."
            raise InputError(message) from error
        return dict(values)

    @contextmanager
    def new_version(self, kind: str) -> Iterator[Path]:
        """Yield an empty folder that becomes the next version, and the current one, when the block ends well.

        The folder's own name tells nothing; read the number from `current` afterwards.
        """
        parent = self.folder / kind
        parent.mkdir(parents=True, exist_ok=True)
        temporary = parent / f".{os.getpid()}.partial"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            if not (temporary / _final_json(kind)).is_file():
                message = f"A version of {kind} was left without {_final_json(kind)}."
                raise RuntimeError(message)
            number = self._claim_number(kind, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.set_current(kind, number)

    def set_current(self, kind: str, number: str | None) -> None:
        """Point to a version, or with None back to the base model; nothing is deleted.

        Raises:
            InputError: there is no such version.
        """
        if number is not None:
            self.version_folder(kind, number)
        self.current[kind] = number
        self.save()

    def remove_version(self, kind: str, number: str) -> None:
        """Delete one version for good; where it was the current one, the newest that is left becomes current.

        Raises:
            InputError: there is no such version, or results still rest on this tuned one.
        """
        folder = self.version_folder(kind, number)
        if kind == "tuned":
            resting = [
                n for n in self.versions("results") if self.version_info("results", n)["tuned"] == number
            ]
            if resting:
                message = (
                    f"The tuned version {number} made the results {', '.join(resting)}; remove these first."
                )
                raise InputError(message)
        # Renamed first, so that a removal that is interrupted leaves no half version.
        dropped = folder.with_name(f".{os.getpid()}.partial")
        os.replace(folder, dropped)
        shutil.rmtree(dropped, ignore_errors=True)
        if self.current[kind] == number:
            self.set_current(kind, next(iter(reversed(self.versions(kind))), None))

    def _claim_number(self, kind: str, temporary: Path) -> str:
        taken = [int(f.name) for f in (self.folder / kind).glob("[0-9]*") if _VERSION.fullmatch(f.name)]
        number = max(taken, default=0) + 1
        while True:
            target = self.folder / kind / f"{number:04d}"
            try:
                os.rename(temporary, target)
            except OSError:
                # Another process may have claimed this number since; any other reason is not ours to hide.
                if not target.exists():
                    raise
                number += 1
            else:
                return target.name


def case_exists(folder: Path) -> bool:
    """Whether there is a case to resume in a folder."""
    return (Path(folder) / CASE_NAME).exists()


def _final_json(kind: str) -> str:
    return {"tuned": TUNED_JSON, "results": RESULT_JSON}[kind]
