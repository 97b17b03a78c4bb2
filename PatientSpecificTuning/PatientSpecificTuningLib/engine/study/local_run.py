"""Running the patients of a study one after another in this process."""

from __future__ import annotations

from collections.abc import Sequence

from .study_folder import Study
from .study_progress import ProgressRecord
from .study_progress import Report
from .tasks import Failure
from .tasks import completion_task
from .tasks import measurement_task
from .tasks import preparation_task


def run_here(
    study: Study, identifiers: Sequence[str], *, keep_features: bool = False, report: Report | None = None
) -> list[Failure]:
    """Prepare and measure patients in this process; returns what failed."""
    settings = [setting.name for setting in study.design.settings()]
    record = ProgressRecord(study.folder, len(identifiers), len(identifiers) * (1 + len(settings)), report)
    folder, failures = str(study.folder), []
    for patient in identifiers:
        prepared = preparation_task(folder, patient)
        record.step()
        measured = []
        for setting in settings:
            measured.append(measurement_task(folder, patient, setting, prepared))
            record.step()
        found = completion_task(folder, patient, measured, keep_features=keep_features)
        record.patient(len(found))
        failures += found
    return failures
