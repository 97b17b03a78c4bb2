"""The life of one tiny case, step by step, with a fault at every change that a step makes; others derive theirs."""

from __future__ import annotations

import functools
import json
import shutil
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import SimpleITK as sitk
from case_state import observed
from case_state import require_between
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import fine_tuning
from PatientSpecificTuningLib.engine import live_tuning
from PatientSpecificTuningLib.engine import origins
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.layout import case_exists
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.lesions import alignment
from PatientSpecificTuningLib.engine.lesions import segmentation
from PatientSpecificTuningLib.engine.network import model_folder
from PatientSpecificTuningLib.engine.report import content as report_content
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.verdict import verdict
from write_points import POINTS
from write_points import Killed
from write_points import as_processes
from write_points import full_from
from write_points import killed_at
from write_points import meanwhile
from write_points import read_only_from

FAULTS = ("killed", "full disk", "read-only", "two processes")
EXPECTED = {"killed": Killed, "full disk": InputError, "read-only": InputError}
_BY_ANOTHER = {
    "examination": "baseline",
    "tuned": None,
    "lesions": 0,
    "volume_ml": 0.0,
    "repetitions": 0,
    "by": "another",
}


class Story:
    """Work in a folder that goes through all steps once; every step can be repeated, with a fault, from where it began.

    Attributes:
        place: the folder that is worked in.
        steps: what is done, by name, in order.
        points: how many changes each step makes.
        after: what is there after each step.
        injected: how many faults of each kind were tried.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.place = folder, folder / "place"
        self.points: dict[str, int] = {}
        self.after: dict[str, dict[str, Any]] = {}
        self.injected: Counter[str] = Counter()
        self._before: dict[str, Path] = {}
        self._make_quick(patch)
        self.steps = self._made_steps()

    def tell(self, next_process: Callable[[], None]) -> None:
        """Go through all steps without a fault, and remember what was there before and after each."""
        for number, (name, step) in enumerate(self.steps.items()):
            self._before[name] = self.folder / f"before-{number}"
            if self.place.exists():
                shutil.copytree(self.place, self._before[name])
            next_process()
            with POINTS.listening(self.place):
                step()
            self.points[name] = len(POINTS.names)
            self.after[name] = self.observe()

    def fail(self, name: str, fault: str, point: int, next_process: Callable[[], None]) -> None:
        """Do one step with a fault at one of its changes, look at what is there, and do it again without."""
        self.injected[fault] += 1
        self._restore(name)
        before = self.observe()
        next_process()
        at = {"killed": killed_at, "full disk": full_from, "read-only": read_only_from}.get(fault)
        if at is None:
            self.two_processes(name, point)
            return
        with POINTS.listening(self.place, at(point)):
            raised = _raised(self.steps[name], EXPECTED[fault])
        assert len(str(raised or "").splitlines()) <= 1
        assert raised is not None or fault != "killed", "the process went on"
        self.require_between(self.observe(), before, self.after[name])
        next_process()
        with suppress(InputError):
            # A version that is removed already cannot be removed again.
            self.steps[name]()
        now, after = self.observe(), self.after[name]
        assert now == after, f"differs: {[part for part in after if now.get(part) != after[part]]}"

    def do_meanwhile(self, name: str, point: int, other: Callable[[], None]) -> None:
        """Do one step while another process does something at one of its changes."""
        with POINTS.listening(self.place, meanwhile(point, other, self.place)):
            self.steps[name]()

    def two_processes(self, name: str, point: int) -> None:
        """Another process makes a result at one of the changes of a step; both must be there in the end."""
        done: list[str] = []

        def other() -> None:
            if case_exists(self.place):
                another = Case.open(self.place)
                with another.new_version("results", origin=_BY_ANOTHER) as folder:
                    write_text(folder / "run.json", json.dumps(_BY_ANOTHER))
                done.append(str(another.current["results"]))

        self.do_meanwhile(name, point, other)
        now, after = self.observe(), self.after[name]
        for part in ("examinations", "dates", "annotation", "live", "alignment", "tuned"):
            assert now[part] == after[part]
        assert len(now["results"]) == len(after["results"]) + len(done)
        assert now["current"]["results"] is None or now["current"]["results"] in now["results"]
        if done:
            assert "by" in Case.open(self.place).version_info("results", done[0])
        assert not now["unfinished"]

    def observe(self) -> dict[str, Any]:
        """What is there, for whoever opens it."""
        return observed(self.place)

    def require_between(self, now: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
        """Nothing is lost and nothing is half."""
        require_between(now, before, after)

    def _made_steps(self) -> dict[str, Callable[[], object]]:
        patient, model = write_patient(self.folder / "patient"), write_tiny_model(self.folder / "model")
        return _steps(self.place, patient, model)

    def _restore(self, name: str) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        if self._before[name].exists():
            shutil.copytree(self._before[name], self.place)

    def _make_quick(self, patch: pytest.MonkeyPatch) -> None:
        """What takes long and writes nothing is left out; the time is always the same."""
        patch.setattr(fine_tuning, "TuningSettings", QuickSettings)
        standing_still = SimpleNamespace(monotonic=lambda: 0.0)
        for module in (fine_tuning, live_tuning, origins, review, segmentation):
            patch.setattr(module, "time", standing_still)
        for module in (origins, report_content, review, verdict):
            patch.setattr(module, "now", lambda: "2020-01-01T00:00:00+00:00")
        patch.setattr(alignment, "align", lambda *_, **__: sitk.Euler3DTransform())
        patch.setattr(model_folder, "load_model", functools.cache(model_folder.load_model))


@dataclass(frozen=True)
class QuickSettings(TuningSettings):
    """Fine-tuning that looks at few patches."""

    patch_pool: int | None = 5


def _raised(step: Callable[[], object], kind: type[BaseException]) -> BaseException | None:
    try:
        step()
    except kind as error:
        return error
    return None


def _steps(case: Path, patient: Path, model: Path) -> dict[str, Callable[[], object]]:
    def prepare(name: str) -> None:
        files = {s: patient / f"{name}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        mask = {f"{name}_mask": patient / f"{name}_brain_mask.nii.gz"}
        workflow.prepare(case, **{name: files}, **mask, model=model, registration="none", with_change=False)

    lesions, known = patient / "baseline_lesion_mask.nii.gz", patient / "followup_lesion_mask.nii.gz"
    moved = patient / "moved.tfm"
    sitk.WriteTransform(sitk.TranslationTransform(3, (0.5, 0.0, 0.0)), str(moved))
    return {
        "prepare the baseline": lambda: prepare("baseline"),
        "prepare the follow-up": lambda: prepare("followup"),
        "annotate": lambda: workflow.annotate(case, lesions, slices=[0]),
        "annotate again": lambda: workflow.annotate(case, lesions, slices=[0, 1]),
        "look at patches": lambda: workflow.prepare_tuning(case, [0, 1]),
        "tune": lambda: workflow.tune(case, iterations=2),
        "learn while correcting": lambda: workflow.learn_so_far(case, lesions, [0], iterations=2),
        "learn again": lambda: workflow.learn_so_far(case, lesions, [1], iterations=2),
        "segment": lambda: workflow.segment(case, repetitions=2),
        "evaluate": lambda: workflow.evaluate(case, known, number="0001"),
        "judge": lambda: review.judge(case, number="0001"),
        "decide": lambda: review.decide(case, "tuned", by="a reader"),
        "report": lambda: review.report(case, number="0001"),
        "give an alignment": lambda: review.set_registration(case, moved),
        "say the dates": lambda: review.set_dates(case, baseline="2020-01-01", followup="2021-01-01"),
        "go back to the base model": lambda: Case.open(case).set_current("tuned", None),
        "segment by the base model": lambda: workflow.segment(case, weights="base", repetitions=0),
        "remove a result": lambda: Case.open(case).remove_version("results", "0001"),
        "remove the tuned version": lambda: Case.open(case).remove_version("tuned", "0001"),
    }


def every_fault(
    folder: Path,
    *,
    kind: type[Story] = Story,
    every: int = 1,
    first: int = 0,
    only: Sequence[str] = (),
    tell: Callable[[str], None] = print,
    done: Callable[[int], None] = lambda number: None,
) -> Story:
    """Go through a story with every fault at every `every`-th change of every step; tells how many there were.

    Args:
        first: the number of the fault to go on with.
        only: names of the steps that are done with faults, all where none is named.
        done: called with the number of each fault that was injected.
    """
    with pytest.MonkeyPatch.context() as patch, as_processes(patch) as next_process:
        story = kind(folder, patch)
        story.tell(next_process)
        for number, (name, fault, point) in enumerate(_faults(story)):
            if number < first or (number + 1) % every or (only and name not in only):
                continue
            try:
                story.fail(name, fault, point, next_process)
            except BaseException as error:
                error.add_note(f"{fault} at change {point} of {story.points[name]} of: {name}")
                raise
            done(number)
        total, tried = sum(story.points.values()), sum(story.injected.values())
        kinds = ", ".join(f"{fault} {count}" for fault, count in story.injected.items())
        tell(f"{len(story.points)} steps make {total} changes; {tried} faults injected ({kinds})")
    return story


def _faults(story: Story) -> Iterator[tuple[str, str, int]]:
    for name, points in story.points.items():
        for fault in FAULTS:
            for point in range(points):
                yield name, fault, point
