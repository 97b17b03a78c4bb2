"""Cohorts in a BIDS data set: patients are subjects, their first two sessions are baseline and follow-up."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..images.scan_files import ExaminationFiles
from ..images.scan_files import find_examinations
from .patient import BASELINE
from .patient import FOLLOWUP
from .patient import Problem
from .patient import Row

SUBJECT = "sub-"


def is_bids(folder: Path) -> bool:
    """Whether a folder holds subjects."""
    return any(path.is_dir() for path in Path(folder).glob(f"{SUBJECT}*"))


def bids_rows(folder: Path, *, single: bool = False) -> tuple[list[Row], list[Problem]]:
    """The examinations of every subject, with masks and lesions from the derivatives.

    Args:
        folder: the data set; masks such as sub-01_ses-1_desc-brain_mask.nii.gz and
            sub-01_ses-1_label-lesion_mask.nii.gz may lie in it or in its folder derivatives.
        single: also take subjects with one session.

    Returns:
        rows as a manifest has them, and a problem for each subject whose files cannot be told apart.
    """
    rows, problems = [], []
    for subject in sorted(path for path in Path(folder).glob(f"{SUBJECT}*") if path.is_dir()):
        try:
            found = find_examinations(folder, match=f"{subject.name}/")
        except InputError as error:
            problems.append(Problem(subject.name, "", str(error)))
            continue
        examinations = {BASELINE: found.baseline, FOLLOWUP: found.followup}
        if found.followup is None and not single:
            problems.append(
                Problem(subject.name, "", "has one session; two are needed, baseline and follow-up.")
            )
        rows += [_row(subject.name, name, files) for name, files in examinations.items() if files is not None]
    return rows, problems


def _row(subject: str, examination: str, files: ExaminationFiles) -> Row:
    cells = {"patient": subject.removeprefix(SUBJECT), "examination": examination}
    # Absolute, since a row of a manifest is relative to the manifest.
    cells |= {s: ";".join(str(path.resolve()) for path in paths) for s, paths in files.sequences.items()}
    for column, path in (("organ_mask", files.organ_mask), ("lesions", files.lesions)):
        cells[column] = "" if path is None else str(path.resolve())
    return Row(f"{subject} {examination}", cells)
