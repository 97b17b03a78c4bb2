"""What the headers of DICOM folders say of an examination: that it is of the same patient, and of which day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from ..images.dicom_identity import DicomIdentity
from ..images.dicom_identity import dates_of
from ..images.dicom_identity import dicom_identity
from ..images.dicom_identity import require_one_patient
from ..images.scan_files import ExaminationFiles
from .case import Case
from .dates import ExaminationDates
from .layout import EXAMINATIONS


def header_dates(given: Mapping[str, ExaminationFiles], case: Case | None) -> dict[str, date]:
    """Compare patient and day of all DICOM folders; images of other formats say neither.

    Args:
        given: the examinations that are to be prepared, by name.
        case: the case that they go into, None for a new one; what it holds is compared too where it is still there.

    Returns:
        the day of each examination, by its name, that the case does not know yet.

    Raises:
        InputError: folders are of different patients, the sequences of an examination of different days, or the
            baseline was made after the follow-up.
    """
    paths = {
        name: [path for found in files.sequences.values() for path in found] for name, files in given.items()
    }
    for name, record in ({} if case is None else case.examinations).items():
        files = [file for content in record.sequences.values() for file in content.files]
        paths.setdefault(name, [Path(file) for file in files])
    identities = {
        name: [i for i in map(dicom_identity, found) if i is not None] for name, found in paths.items()
    }
    ordered: list[DicomIdentity] = [i for name in EXAMINATIONS for i in identities.get(name, [])]
    require_one_patient(ordered)
    known = ExaminationDates() if case is None else case.dates
    dates = dates_of(identities)
    fresh = {name: day for name, day in dates.items() if getattr(known, name) is None}
    ExaminationDates(
        known.baseline or fresh.get("baseline"), known.followup or fresh.get("followup")
    ).in_order()
    return fresh
