"""The pictures of the README, taken of the sample case with the model that ships. Run by its name only."""

from __future__ import annotations

import os
from pathlib import Path

import slicer
from story_case import StoryCase
from story_record import PICTURES
from story_record import WINDOW

PATIENCE_S = 3600


class PatientSpecificTuningPicturesTest(StoryCase):
    """What a reader of the README sees, made by the clicks that the README names."""

    def test_pictures_of_the_readme(self) -> None:
        panel = self.panel
        slicer.util.mainWindow().setGeometry(0, 0, *WINDOW)
        panel.press("sampleButton")
        panel.wait_until_idle()
        panel.pass_time(1)
        panel.press("startButton")
        panel.pass_time(1)
        panel.wait_until_idle(PATIENCE_S)
        panel.wait_for(lambda: panel.state.review.versions, "the base CNN's result", PATIENCE_S)
        self._take("scans")
        panel.press("continueButton")
        panel.pass_time(1)
        self._take("correct")
        panel.key("c")
        panel.press("showResultButton")
        panel.pass_time(1)
        panel.wait_until_all_is_done(PATIENCE_S)
        panel.wait_for(lambda: panel.state.review.versions[0].hasUncertainty, "uncertainty", PATIENCE_S)
        panel.key("n")
        panel.pass_time(2)
        self._take("compare")
        panel.press("sideBySideButton")
        panel.pass_time(2)
        self._take("result")
        panel.press("sideBySideButton")

    def _take(self, name: str) -> None:
        folder = Path(os.environ.get(PICTURES, "") or self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        slicer.util.forceRenderAllViews()
        self.panel.pass_time(0.5)
        self.assertTrue(slicer.util.mainWindow().grab().save(str(folder / f"{name}.png")))
