"""What every story in Slicer begins and ends with: an empty scene, cases of its own, nothing left behind."""

from __future__ import annotations

import os
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import qt
import slicer
from story_materials import materials
from story_panel import MODULE
from story_panel import StoryPanel
from story_record import LogWatch
from story_record import Record

MATERIALS = "PST_STORY_MATERIALS"
SETTINGS = (f"{MODULE}/CasesFolder", f"{MODULE}/AddedModels")


class StoryCase(unittest.TestCase):
    """One story: its panel, its record, its folder with a name that is not easy."""

    watchesLog = True

    def setUp(self) -> None:
        from PatientSpecificTuningLib.jobs.qt_process import findPython

        slicer.mrmlScene.Clear()
        self._temporary = tempfile.TemporaryDirectory(prefix="pst-Łódź 日本 ", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._kept = {name: qt.QSettings().value(name) for name in SETTINGS}
        home = Path(slicer.app.slicerHome)
        given = os.environ.get(MATERIALS, "")
        made = Path(given) if given else self.folder / "materials"
        self.materials = materials(made, findPython((str(home), str(home / "bin"))))
        self.log = LogWatch()
        self.panel = StoryPanel()
        self.panel.logic.setCasesFolder(str(self.folder / "cases"))
        self.record = Record(self.id().rpartition(".")[2].removeprefix("test_"))

    def tearDown(self) -> None:
        self.panel.logic.cancel()
        self.panel.wait_until_all_is_done()
        slicer.mrmlScene.Clear()
        slicer.app.processEvents()
        self.restore_settings()
        errors = self.log.errors()
        self._temporary.cleanup()
        if self.watchesLog:
            self.assertEqual(errors, [])

    def restore_settings(self) -> None:
        """Leave the user's settings as they were."""
        for name, value in self._kept.items():
            if value:
                qt.QSettings().setValue(name, value)
            else:
                qt.QSettings().remove(name)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step of the story, with its line and its picture; where it fails the story goes on."""
        with self.subTest(title), self.record.step(title, self.panel):
            yield

    def choose_patient(self, name: str = "first") -> dict[str, object]:
        """Load a tiny patient and the tiny model, and choose what makes them fast."""
        nodes = self.panel.load_patient(self.materials / name, name)
        self.panel.use_model(self.materials / "model")
        self.panel.quick_settings()
        self.panel.pass_time(0.2)
        return nodes

    def prepare_patient(self, name: str = "first") -> dict[str, object]:
        """The same, and both examinations prepared."""
        nodes = self.choose_patient(name)
        self.panel.prepare()
        return nodes

    def review_patient(self) -> dict[str, object]:
        """The same, one slice corrected and learned from."""
        nodes = self.prepare_patient()
        self.panel.correct_and_tune()
        return nodes

    def unfinished_files(self) -> list[str]:
        """What was left half written in the cases."""
        return [str(path) for path in (self.folder / "cases").rglob("*.partial*")]
