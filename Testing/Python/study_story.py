"""The life of one tiny study, step by step, with a fault at every change that a step makes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_state import observed
from cohorts import tiny_study
from cohorts import write_cohort
from fault_story import Story
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.study import plots
from PatientSpecificTuningLib.engine.study.experiment import measure
from PatientSpecificTuningLib.engine.study.experiment import prepare_patient
from PatientSpecificTuningLib.engine.study.significance import Significance
from PatientSpecificTuningLib.engine.study.study_folder import STUDY_NAME
from PatientSpecificTuningLib.engine.study.study_folder import Study
from PatientSpecificTuningLib.engine.study.study_folder import open_study
from PatientSpecificTuningLib.engine.study.study_results import collect
from PatientSpecificTuningLib.engine.study.study_results import write_results

OWN, ANOTHER = "p1", "p2"


class StudyStory(Story):
    """A study of two patients, of whom the steps concern the first; another process works on the second meanwhile."""

    def _make_quick(self, patch: pytest.MonkeyPatch) -> None:
        super()._make_quick(patch)
        patch.setattr(plots, "_png", lambda figure: b"a plot")
        for name in ("paired_lines", "box_plots", "dice_against_volume", "error_retention"):
            patch.setattr(plots, name, lambda *_: None)

    def _made_steps(self) -> dict[str, Callable[[], object]]:
        manifest = write_cohort(self.folder / "cohort", patients=2)
        self.study = tiny_study(self.place, manifest, write_tiny_model(self.folder / "model"))
        return {
            "save the study": self.study.save,
            "prepare a patient": lambda: prepare_patient(self.place, OWN),
            "measure all settings": lambda: [
                measure(self.place, OWN, setting.name) for setting in self.study.design.settings()
            ],
            "write the results": lambda: _write_results(self.study),
            "forget the features": lambda: self.study.forget_features(OWN),
        }

    def observe(self) -> dict[str, Any]:
        """What the study says to whoever opens it, the other patient left out."""
        return {
            "study": _patients(self.place),
            "outcomes": {s.name: self.study.outcome(OWN, s.name) for s in self.study.design.settings()},
            "case": observed(self.study.case_folder(OWN)),
            "files": {path: _hash(self.place / path) for path in self._result_files()},
            "unfinished": [p.name for p in self.place.rglob(".*") if ANOTHER not in p.parts],
        }

    def _result_files(self) -> list[str]:
        found = [*self.place.glob("*"), *self.place.glob("tables/*"), *self.place.glob("plots/*")]
        return [
            p.relative_to(self.place).as_posix() for p in found if p.is_file() and not p.name.startswith(".")
        ]

    def require_between(self, now: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
        """Nothing is lost and nothing is half: everything is as before the step or as after it."""
        assert now["study"] in (before["study"], after["study"])
        for part in ("outcomes", "files"):
            for name in before[part] | now[part]:
                states = before[part].get(name), after[part].get(name)
                assert now[part].get(name) in states, f"{part} {name} is half or lost"
        for name, content in now["case"]["examinations"].items():
            states = (before["case"], after["case"])
            assert content in [state["examinations"].get(name) for state in states]

    def two_processes(self, name: str, point: int) -> None:
        """Another process measures the other patient, or saves the same study, at one of the changes."""
        done: list[str] = []

        def other() -> None:
            if (self.place / STUDY_NAME).exists():
                self.study.save()
                path = self.study.outcome_path(ANOTHER, "another")
                self.study.require_inside(ANOTHER)
                write_text(path, '{"by": "another"}')
                done.append(ANOTHER)

        self.do_meanwhile(name, point, other)
        now = self.observe()
        assert now == self.after[name]
        assert not done or self.study.outcome(ANOTHER, "another") == {"by": "another"}
        shutil.rmtree(self.study.patient_folder(ANOTHER), ignore_errors=True)


def _write_results(study: Study) -> None:
    results = collect(study, Significance())
    write_results(study, results, [], Significance())


def _patients(folder: Path) -> list[str] | None:
    try:
        return [patient.identifier for patient in open_study(folder).patients]
    except InputError:
        return None


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
