"""What Slicer executes for Testing/slicer.py: the named tests, or a quit in the middle of the work."""

from __future__ import annotations

import json
import os
import sys
import traceback
import unittest
from pathlib import Path

import slicer

HERE = Path(__file__).resolve().parent
QUIT, BY_NAME_ONLY = "quit ", ("Endurance", "Pictures", "Real", "Tutorial")
STORIES = ("Story", "Lifecycle", "Complaints", *BY_NAME_ONLY)


def run_tests(names: list[str]) -> bool:
    """Run all tests, or those whose name contains one of the given texts; returns whether all went well."""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for story in STORIES:
        for group in loader.loadTestsFromName(f"PatientSpecificTuning{story}Test"):
            suite.addTests(t for t in group if _is_wanted(t.id(), names))
    return unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()


def _is_wanted(test: str, names: list[str]) -> bool:
    """Whether a test was named; what takes long is never meant by naming nothing."""
    return any(name in test for name in names) if names else not any(name in test for name in BY_NAME_ONLY)


def quit_while(stage: str) -> bool:
    """Leave Slicer in the middle of the work; the number of the worker's process is left in a file."""
    from story_case import StoryCase

    class Leaving(StoryCase):
        def runTest(self) -> None:
            with self.step(f"as far as {stage}"):
                getattr(self, f"come_to_{stage}")()
                self.panel.wait_for(lambda: self.panel.worker_process_id() > 0, "the worker runs", 60)
            left = Path(os.environ["PST_STORY_LEFT"])
            left.write_text(json.dumps(self.panel.worker_process_id()), encoding="utf-8")

        def come_to_preparing(self) -> None:
            self.choose_patient()
            self.panel.press("startButton")
            self.panel.wait_for(lambda: self.panel.state.running is not None, "runs", 60)

        def come_to_correcting(self) -> None:
            self.prepare_patient()
            self.panel.go_to("correct")
            self.panel.paint()

        def come_to_tuning(self) -> None:
            self.come_to_correcting()
            self.panel.logic.parameters().iterations = 1000
            self.panel.press("correctedButton")
            self.panel.press("showResultButton")
            self.panel.wait_for(
                lambda: (r := self.panel.state.running) is not None and not r.isAhead and r.fraction,
                "runs",
                60,
            )

        def come_to_reviewing(self) -> None:
            self.review_patient()

        def tearDown(self) -> None:
            # Nothing is ended tidily here: that is what Slicer has to do.
            self.restore_settings()

    return unittest.TextTestRunner(stream=sys.stdout).run(Leaving()).wasSuccessful()


def main() -> None:
    sys.path.insert(0, str(HERE))
    arguments = json.loads(os.environ.get("PST_STORY_TESTS", "[]"))
    try:
        stage = arguments[0].removeprefix(QUIT) if arguments[:1] and arguments[0].startswith(QUIT) else ""
        passed = quit_while(stage) if stage else run_tests(arguments)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        passed = False
    sys.stdout.flush()
    slicer.util.exit(0 if passed else 1)


main()
