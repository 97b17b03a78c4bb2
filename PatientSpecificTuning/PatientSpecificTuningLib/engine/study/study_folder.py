"""The folder of a study: what is to be done, written once, and what was measured, one small file each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cohort.patient import CohortPatient
from ..cohort.patient import is_identifier
from ..errors import InputError
from ..files import json_values
from ..files.atomic import write_text
from ..files.json_file import read_json_object
from ..files.links import require_inside
from ..model.card import ModelCard
from ..model.card import read_model_card
from ..network.model_choice import choose_model
from .design import Cohort
from .design import Design
from .design import Preparation

STUDY_NAME = "study.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Study:
    """A study as its folder holds it. Workers get the folder, a patient's identifier and a setting's name only.

    Attributes:
        folder: holds study.json, patients/ID/SETTING.json, and the tables in the end.
    """

    folder: Path
    cohort: Cohort
    design: Design
    preparation: Preparation
    patients: tuple[CohortPatient, ...]

    @property
    def card(self) -> ModelCard:
        """The card of the base model."""
        return read_model_card(choose_model(self.preparation.model))

    def patient(self, identifier: str) -> CohortPatient:
        """The patient of this identifier.

        Raises:
            InputError: there is none in this study, as where another study was written into its folder meanwhile.
        """
        for patient in self.patients:
            if patient.identifier == identifier:
                return patient
        message = f"The study in {self.folder} has no patient {identifier!r}; run the study command again."
        raise InputError(message)

    def patient_folder(self, identifier: str) -> Path:
        """Where everything of one patient lies."""
        return self.folder / "patients" / identifier

    def case_folder(self, identifier: str) -> Path:
        """The patient's case folder, with the features that all settings share."""
        return self.patient_folder(identifier) / "case"

    def outcome_path(self, identifier: str, setting: str) -> Path:
        """The file of one measurement."""
        return self.patient_folder(identifier) / f"{setting}.json"

    def outcome(self, identifier: str, setting: str) -> dict[str, Any] | None:
        """What was measured, None where nothing readable is there."""
        try:
            return read_json_object(self.outcome_path(identifier, setting))
        except (OSError, ValueError):
            return None

    def save(self) -> None:
        """Write study.json, complete or not at all.

        Raises:
            InputError: the folder holds another study, or it cannot be written to.
        """
        self._require_own_folder()
        values = {
            "format_version": FORMAT_VERSION,
            "cohort": asdict(self.cohort),
            "design": self.design.to_dict(),
            "preparation": asdict(self.preparation),
            "patients": [patient.to_dict() for patient in self.patients],
        }
        write_text(self.folder / STUDY_NAME, json.dumps(values, indent=2) + "\n")

    def forget_features(self, identifier: str) -> None:
        """Remove the case folder of a patient that is complete; its features take gigabytes."""
        self.require_inside(identifier)
        shutil.rmtree(self.case_folder(identifier), ignore_errors=True)

    def require_inside(self, identifier: str) -> None:
        """Refuse a study, perhaps of somebody else, whose folders of this patient are links that lead out of it.

        Raises:
            InputError: a folder leads elsewhere.
        """
        require_inside(self.folder, [self.patient_folder(identifier), self.case_folder(identifier)])

    def _require_own_folder(self) -> None:
        if not (self.folder / STUDY_NAME).is_file():
            return
        try:
            earlier = {patient.identifier for patient in open_study(self.folder).patients}
        except InputError:
            # A damaged one is what this one replaces.
            return
        own = {patient.identifier for patient in self.patients}
        if not earlier & own:
            message = (
                f"The folder {self.folder} holds a study of other patients; choose a new output folder, so that none"
                " removes what is the other's."
            )
            raise InputError(message)


def open_study(folder: Path) -> Study:
    """Read a study from its folder.

    Raises:
        InputError: there is none, or study.json is damaged.
    """
    folder = Path(folder)
    path = folder / STUDY_NAME
    try:
        values = read_json_object(path)
        study = Study(
            folder,
            Cohort.from_dict(values["cohort"]),
            Design.from_dict(values["design"]),
            Preparation.from_dict(values["preparation"]),
            json_values.entries(values["patients"], CohortPatient.from_dict),
        )
        _require_patients(study.patients)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is missing or damaged ({error}); run the study command with its manifest again."
        raise InputError(message) from error
    return study


def _require_patients(patients: Sequence[CohortPatient]) -> None:
    """Identifiers name folders that are written and removed, so none may lead elsewhere or serve twice.

    Raises:
        ValueError: one cannot be used.
    """
    names = [patient.identifier for patient in patients]
    unusable = [name for name in names if not is_identifier(name)]
    if unusable or len({name.casefold() for name in names}) < len(names):
        message = f"{unusable[0]!r} is no identifier" if unusable else "a patient stands there twice"
        raise ValueError(message)


def absolute(patients: Sequence[CohortPatient]) -> tuple[CohortPatient, ...]:
    """The same patients with absolute paths, since workers may start in another folder."""
    return tuple(CohortPatient.from_dict(_absolute_values(patient.to_dict())) for patient in patients)


def _absolute_values(values: dict[str, Any]) -> dict[str, Any]:
    resolved = dict(values)
    for name in values.keys() & {"baseline", "followup"}:
        files = dict(values[name])
        files["sequences"] = {
            s: [str(Path(p).resolve()) for p in paths] for s, paths in files["sequences"].items()
        }
        for mask in ("organ_mask", "lesions"):
            files[mask] = None if files[mask] is None else str(Path(files[mask]).resolve())
        resolved[name] = files
    return resolved
