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
STORIES = ("Story", "Lifecycle", "Complaints")
QUIT = "quit"


def run_tests(names: list[str]) -> bool:
    """Run all tests, or those whose name contains one of the given texts; returns whether all went well."""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for story in STORIES:
        for group in loader.loadTestsFromName(f"PatientSpecificTuning{story}Test"):
            suite.addTests(t for t in group if not names or any(name in t.id() for name in names))
    return unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()


def quit_while_preparing() -> bool:
    """Leave Slicer with the worker at work; its process number is left in a file."""
    from story_case import StoryCase

    class Leaving(StoryCase):
        def runTest(self) -> None:
            self.choose_patient()
            self.panel.press("startButton")
            self.panel.wait_for(lambda: self.panel.worker_process_id() > 0, "the worker runs", 60)
            left = Path(os.environ["PST_STORY_LEFT"])
            left.write_text(json.dumps(self.panel.worker_process_id()), encoding="utf-8")

        def tearDown(self) -> None:
            # Nothing is ended tidily here: that is what Slicer has to do.
            self.restore_settings()

    return unittest.TextTestRunner(stream=sys.stdout).run(Leaving()).wasSuccessful()


def main() -> None:
    sys.path.insert(0, str(HERE))
    arguments = json.loads(os.environ.get("PST_STORY_TESTS", "[]"))
    try:
        passed = quit_while_preparing() if arguments == [QUIT] else run_tests(arguments)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        passed = False
    sys.stdout.flush()
    slicer.util.exit(0 if passed else 1)


main()
