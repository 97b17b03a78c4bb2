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
from ..errors import InputError
from ..files.atomic import write_text
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
        """The patient of this identifier."""
        return next(patient for patient in self.patients if patient.identifier == identifier)

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
            values = json.loads(self.outcome_path(identifier, setting).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None

    def save(self) -> None:
        """Write study.json, complete or not at all."""
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
        shutil.rmtree(self.case_folder(identifier), ignore_errors=True)


def open_study(folder: Path) -> Study:
    """Read a study from its folder.

    Raises:
        InputError: there is none, or study.json is damaged.
    """
    folder = Path(folder)
    path = folder / STUDY_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        cohort = dict(values["cohort"])
        return Study(
            folder,
            Cohort(cohort["name"], cohort["phantom"], tuple(cohort["notes"])),
            Design.from_dict(values["design"]),
            Preparation(**values["preparation"]),
            tuple(CohortPatient.from_dict(patient) for patient in values["patients"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is missing or damaged; run the study command with its manifest again."
        raise InputError(message) from error


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
