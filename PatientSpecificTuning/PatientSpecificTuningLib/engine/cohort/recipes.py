"""Cohorts that ship as recipes: phantom patients with their own appearance, written as files with a manifest.

A recipe is one small file: a function that writes one patient, and a `Recipe` that names it here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.atomic import write_text
from ..files.json_file import read_json_object
from ..images.scan_files import find_examinations
from ..progress import Progress
from .brain_recipe import write_brain_patient
from .liver_recipe import write_liver_patient
from .manifest import write_manifest
from .patient import BASELINE
from .patient import FOLLOWUP
from .patient import CohortPatient

# Written last: what made a patient, and the sign that all its files are there.
DESCRIPTION = "phantom.json"
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Recipe:
    """A cohort of phantom patients.

    Attributes:
        organ: what the patients are phantoms of, and which shipped model they are for.
        write_patient: writes a patient of a number into a folder, with file names as `find_examinations` knows
            them, small where asked; returns what made the patient, as JSON values.
        patients: how many, for an evening on a laptop.
        quick_patients: how many small ones, for a quick check.
    """

    organ: str
    write_patient: Callable[[Path, int, bool], dict[str, Any]]
    patients: int
    quick_patients: int


RECIPES = {
    "brain": Recipe("brain", write_brain_patient, 20, 3),
    "liver": Recipe("liver", write_liver_patient, 16, 3),
}


def make_cohort(
    recipe: Recipe, folder: Path, patients: int, *, quick: bool = False, progress: Progress | None = None
) -> Path:
    """Write phantom patients and their manifest; patients that are there already are kept. Returns the manifest.

    Raises:
        InputError: no patient is asked for, or the folder holds a cohort of another kind.
    """
    if patients < 1:
        message = f"A cohort of {patients} patients shows nothing; ask for at least one."
        raise InputError(message)
    found = []
    for number in range(1, patients + 1):
        identifier = f"{recipe.organ}-phantom-{number:02d}"
        _make_patient(recipe, folder / identifier, number, quick=quick)
        examinations = find_examinations(folder / identifier)
        assert examinations.followup is not None
        pair = {BASELINE: examinations.baseline, FOLLOWUP: examinations.followup}
        found.append(CohortPatient(identifier, pair))
        if progress is not None:
            progress("Making phantom patients", number / patients)
    write_manifest(folder / MANIFEST, found)
    return folder / MANIFEST


def _make_patient(recipe: Recipe, folder: Path, number: int, *, quick: bool) -> None:
    path = folder / DESCRIPTION
    if path.is_file():
        try:
            made = read_json_object(path)
        except (OSError, ValueError) as error:
            message = f"{path} is damaged ({error}); remove {folder} and run again."
            raise InputError(message) from error
        if made.get("quick") == quick:
            return
        message = f"{folder} holds a phantom of another size; choose another output folder."
        raise InputError(message)
    made_from = recipe.write_patient(folder, number, quick)
    description = {
        "what": "phantom: simulated, no patient's data",
        "quick": quick,
        "number": number,
        **made_from,
    }
    write_text(path, json.dumps(description, indent=2) + "\n")
