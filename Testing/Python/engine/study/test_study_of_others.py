"""A study folder of somebody else, and two studies in one folder: nothing outside is written or removed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PatientSpecificTuningLib.engine.cohort.patient import CohortPatient
from PatientSpecificTuningLib.engine.cohort.patient import is_identifier
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.scan_files import ExaminationFiles
from PatientSpecificTuningLib.engine.study.design import Cohort
from PatientSpecificTuningLib.engine.study.design import Design
from PatientSpecificTuningLib.engine.study.design import Preparation
from PatientSpecificTuningLib.engine.study.local_run import run_here
from PatientSpecificTuningLib.engine.study.study_folder import Study
from PatientSpecificTuningLib.engine.study.study_folder import open_study

NEEDS_LINKS = pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")


def _study(folder: Path, *identifiers: str) -> Study:
    files = ExaminationFiles({"FLAIR": [Path("flair.nii.gz")]}, None, Path("lesions.nii.gz"))
    patients = tuple(CohortPatient(i, {"baseline": files, "followup": files}) for i in identifiers)
    return Study(folder, Cohort("test"), Design(), Preparation(), patients)


def _changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "study.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_a_saved_study_comes_back(tmp_path: Path) -> None:
    study = _study(tmp_path, "p1", "p2")
    study.save()
    assert open_study(tmp_path) == study


@pytest.mark.parametrize("identifier", ["../../victim", "/victim", "..", "", "a/b", "nul", "p2", 3, None])
def test_an_identifier_that_leads_elsewhere_or_stands_twice_opens_no_study(
    tmp_path: Path, identifier
) -> None:
    _study(tmp_path / "study", "p1", "p2").save()
    _changed(tmp_path / "study", lambda v: v["patients"][0].update(patient=identifier))
    with pytest.raises(InputError, match=r"study\.json is missing or damaged"):
        open_study(tmp_path / "study")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("design", "iterations", ["../../victim"]),
        ("design", "slice_counts", ["../x"]),
        ("design", "seed", 10**40),
        ("design", "repetitions", None),
        ("preparation", "model", 3),
        ("preparation", "missing_sequence", "anything"),
        ("cohort", "notes", "text"),
        ("cohort", "name", {}),
    ],
)
def test_a_value_of_another_kind_opens_no_study(tmp_path: Path, part: str, name: str, value: object) -> None:
    _study(tmp_path, "p1").save()
    _changed(tmp_path, lambda v: v[part].update({name: value}))
    with pytest.raises(InputError, match=r"study\.json is missing or damaged"):
        open_study(tmp_path)


@NEEDS_LINKS
@pytest.mark.parametrize("link", ["patients", "patients/p1", "patients/p1/case"])
def test_a_study_whose_folder_is_a_link_writes_and_removes_nothing_there(tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    for name in ("case", "p1/case"):
        (victim / name).mkdir(parents=True)
        (victim / name / "precious.txt").write_text("x")
    study = _study(tmp_path / "study", "p1")
    study.save()
    (study.folder / link).parent.mkdir(parents=True, exist_ok=True)
    (study.folder / link).symlink_to(victim)
    before = sorted(path.relative_to(victim) for path in victim.rglob("*"))
    with pytest.raises(InputError, match="leads out of the folder"):
        study.forget_features("p1")
    failures = run_here(study, ["p1"])
    assert {failure.patient for failure in failures} == {"p1"}
    assert all("leads out of the folder" in failure.message for failure in failures)
    assert sorted(path.relative_to(victim) for path in victim.rglob("*")) == before


def test_a_study_of_other_patients_does_not_take_over_a_folder(tmp_path: Path) -> None:
    _study(tmp_path, "p1", "p2").save()
    _study(tmp_path, "p2", "p3").save()
    with pytest.raises(InputError, match="holds a study of other patients"):
        _study(tmp_path, "q1").save()
    assert [patient.identifier for patient in open_study(tmp_path).patients] == ["p2", "p3"]


def test_a_damaged_study_is_replaced_by_running_it_again(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{")
    _study(tmp_path, "p1").save()
    assert len(open_study(tmp_path).patients) == 1


@pytest.mark.parametrize("name", ["CON", "nul.txt", "aux", "com1", "LPT9.x", "Prn"])
def test_names_of_devices_are_no_identifiers(name: str) -> None:
    assert not is_identifier(name)
    assert is_identifier(f"{name}x".replace(".", "-"))
