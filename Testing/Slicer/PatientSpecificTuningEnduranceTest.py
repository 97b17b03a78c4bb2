"""A long day: what Slicer holds after many tunings. Run by its name only, since it takes a while."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import slicer
from story_case import StoryCase

TUNINGS = int(os.environ.get("PST_STORY_TUNINGS", "50"))
# What is loaded once (fonts, effects, caches of the views) is loaded by then.
SETTLED = 10
PAGE_MB = 4096 / 2**20
ALLOWED_MB = 1.0


def memory_mb() -> float:
    """Memory of this process that lies in RAM; 0 where the system does not say it in /proc."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * PAGE_MB if statm.is_file() else 0.0


class PatientSpecificTuningEnduranceTest(StoryCase):
    """Tuning again and again keeps memory and scene as they are."""

    def test_memory_stays_flat_over_many_tunings(self) -> None:
        self.review_patient()
        seen = []
        with self.step(f"{TUNINGS} tunings"):
            for number in range(TUNINGS):
                self.panel.logic.parameters().seed = number + 1
                self.panel.logic.tune()
                self.panel.pass_time(0.1)
                self.panel.wait_until_idle()
                self._forget_old_versions()
                gc.collect()
                seen.append((memory_mb(), slicer.mrmlScene.GetNumberOfNodes()))
                print(f"{number + 1}: {seen[-1][0]:.1f} MB, {seen[-1][1]} nodes", flush=True)
            grown = (seen[-1][0] - seen[SETTLED][0]) / (len(seen) - SETTLED)
            print(f"{grown:.2f} MB for each tuning", flush=True)
            self.assertLess(grown, ALLOWED_MB)
            self.assertEqual(seen[-1][1], seen[SETTLED][1])

    def _forget_old_versions(self) -> None:
        """Keep the newest tuned version and the base CNN's."""
        versions = [version for version in self.panel.state.review.versions if not version.isBase]
        for version in versions[1:]:
            self.panel.logic.removeVersion(version.number)
            self.panel.wait_until_idle()
