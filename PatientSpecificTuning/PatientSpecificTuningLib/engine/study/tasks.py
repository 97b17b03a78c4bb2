"""The units of work of a study: functions of a folder, an identifier and a setting's name, which travel to workers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .experiment import measure
from .experiment import prepare_patient
from .study_folder import open_study


@dataclass(frozen=True)
class Failure:
    """Something that did not work for one patient; everything else goes on.

    Attributes:
        setting: None where the patient could not be prepared.
    """

    patient: str
    setting: str | None
    message: str

    def __str__(self) -> str:
        where = "" if self.setting is None else f", {self.setting}"
        return f"{self.patient}{where}: {self.message}"


def preparation_task(folder: str, patient: str) -> Failure | None:
    """Prepare a patient; a failure is an answer, so that it cannot take others with it."""
    return _tried(patient, None, lambda: prepare_patient(Path(folder), patient))


def measurement_task(folder: str, patient: str, setting: str, prepared: Failure | None) -> Failure | None:
    """Measure one setting of a prepared patient; nothing where the preparation failed."""
    if prepared is not None:
        return prepared
    return _tried(patient, setting, lambda: measure(Path(folder), patient, setting))


def completion_task(
    folder: str, patient: str, measured: Sequence[Failure | None], *, keep_features: bool
) -> list[Failure]:
    """What failed for a patient, each once; a complete patient's features are removed, since they are large."""
    failures = list(dict.fromkeys(failure for failure in measured if failure is not None))
    if not failures and not keep_features:
        open_study(Path(folder)).forget_features(patient)
    return failures


def _tried(patient: str, setting: str | None, action: Callable[[], None]) -> Failure | None:
    try:
        action()
    except (InputError, OSError) as error:
        return Failure(patient, setting, str(error))
    except Exception as error:
        # Whatever else goes wrong with one patient is reported, and the study goes on with the others.
        return Failure(patient, setting, f"{type(error).__name__}: {error}")
    return None
