"""Whose images DICOM folders hold and when they were taken, told from one header each."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from .dicom_folder import require_readable_files

_PATIENT, _NAME, _BIRTH, _STUDY_DATE = "0010|0020", "0010|0010", "0010|0030", "0008|0020"


@dataclass(frozen=True)
class DicomIdentity:
    """What the header of a DICOM folder says of the patient and the day; empty or None where it says nothing."""

    folder: Path
    patient: str
    name: str
    birth: str
    taken: date | None

    def differs_from(self, other: DicomIdentity) -> bool:
        """Whether both say something of the patient that cannot be of one; spelling of the name counts for nothing."""
        pairs = ((self.patient, other.patient), (self.birth, other.birth))
        known = [(one, two) for one, two in pairs if one and two]
        if known:
            return any(one != two for one, two in known)
        return bool(self.name and other.name) and _plain(self.name) != _plain(other.name)


def dicom_identity(path: Path) -> DicomIdentity | None:
    """The identity of a DICOM folder, None for any other file or where no header can be read."""
    if not path.is_dir():
        return None
    try:
        require_readable_files(path, "image")
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(path))
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), series[0])
        reader = sitk.ImageFileReader()
        reader.SetFileName(files[0])
        reader.ReadImageInformation()
    except (InputError, RuntimeError, IndexError):
        # What is wrong with the folder is said where its images are read.
        return None

    def value(tag: str) -> str:
        return reader.GetMetaData(tag).strip(" \0") if reader.HasMetaDataKey(tag) else ""

    return DicomIdentity(path, value(_PATIENT), value(_NAME), value(_BIRTH), _date(value(_STUDY_DATE)))


def require_one_patient(identities: Iterable[DicomIdentity]) -> None:
    """Refuse images of different patients; whatever a header leaves out is not compared.

    Raises:
        InputError: two folders belong to different patients.
    """
    known = list(identities)
    for identity in known[1:]:
        if known[0].differs_from(identity):
            message = (
                f"The DICOM folders {known[0].folder} and {identity.folder} are of different patients by their headers;"
                " give images of one patient."
            )
            raise InputError(message)


def dates_of(identities: Mapping[str, Iterable[DicomIdentity]]) -> dict[str, date]:
    """The day on which each examination was made, by its name, where headers tell it.

    Raises:
        InputError: the sequences of an examination were taken on different days.
    """
    dates = {}
    for name, found in identities.items():
        dated = [(identity.taken, identity) for identity in found if identity.taken is not None]
        for taken, identity in dated[1:]:
            if taken != dated[0][0]:
                message = (
                    f"The DICOM folders {dated[0][1].folder} and {identity.folder} of the {name} are of different days"
                    f" ({dated[0][0]} and {taken}); give the sequences of one examination."
                )
                raise InputError(message)
        if dated:
            dates[name] = dated[0][0]
    return dates


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
