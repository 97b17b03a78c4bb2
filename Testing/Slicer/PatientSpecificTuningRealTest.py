"""Real scans through the whole work, with the model that ships. Run by its name only, where the scans are."""

from __future__ import annotations

import os
import time
from pathlib import Path

import slicer
from story_case import StoryCase
from story_materials import RealScans
from story_materials import isotropic_scans
from story_materials import thick_pair
from story_record import WINDOW

DATA = "PST_DATA"
PATIENCE_S = 3600
SLICES, NOTCHES = 2, 10
ESTIMATES = 12


class PatientSpecificTuningRealTest(StoryCase):
    """From the files to a scene that is loaded again, and what each part takes."""

    def test_a_real_pair_at_3_mm(self) -> None:
        self._whole_work(thick_pair)

    def test_a_real_scan_at_1_mm_beside_itself_with_noise(self) -> None:
        self._whole_work(isotropic_scans)
        with self.step("what is the same in both is not called changed"):
            sure = [row for row in self.panel.state.review.rows if row.isSure and row.change != "stable"]
            self.assertEqual([(row.label, row.changeTitle) for row in sure], [])

    def _whole_work(self, scans_in) -> None:
        root = Path(os.environ.get(DATA, ""))
        scans = scans_in(root, self.folder) if os.environ.get(DATA) else None
        if scans is None:
            self.skipTest(f"needs real scans; name their folder with --data or in {DATA}")
        slicer.util.mainWindow().setGeometry(0, 0, *WINDOW)
        self._choose(scans)
        self._prepare()
        self._correct()
        self._review()
        self._come_back()

    def _choose(self, scans: RealScans) -> None:
        panel = self.panel
        with self.step("the images are loaded and chosen"):
            for (examination, part), path in scans.items():
                name = f"{examination} {path.name.partition('.')[0]}"
                load = slicer.util.loadLabelVolume if part == "Mask" else slicer.util.loadVolume
                panel.choose(examination, part, load(str(path), {"name": name}))
                panel.pass_time(0.1)
            panel.wait_for(lambda: panel.state.canStart, "can start", PATIENCE_S)
            panel.pass_time(1)
            self.assertTrue(panel.baseline_view())
            self.assertTrue(panel.followup_view())

    def _prepare(self) -> None:
        panel, begun = self.panel, time.monotonic()
        said: list[tuple[float, float]] = []

        def isPrepared() -> bool:
            running = panel.state.running
            if running is not None and running.secondsLeft is not None and not panel.state.isPrepared:
                said.append((time.monotonic() - begun, running.secondsLeft))
            return panel.state.isPrepared and not panel.logic.requests.isBusy

        with self.step("Start, until both are prepared"):
            panel.press("startButton")
            panel.wait_for(isPrepared, "prepared", PATIENCE_S)
        took = time.monotonic() - begun
        self._print(f"prepared in {took:.0f} s; seconds left (and what was said): {_sampled(said, took)}")
        with self.step("what the base CNN finds in the follow-up"):
            panel.wait_for(lambda: panel.state.review.versions, "the base CNN's result", PATIENCE_S)
            panel.wait_until_all_is_done(PATIENCE_S)

    def _correct(self) -> None:
        panel = self.panel
        with self.step("step 2 opens"):
            panel.go_to("correct")
            panel.wait_for(lambda: any(row.isShown for row in panel.state.corrections.rows), "a slice", 60)
            panel.pass_time(1)
        for number in range(SLICES):
            drawn = panel.drawn()
            with self.step(f"slice {number + 1}: a stroke"):
                panel.paint()
                self.assertNotEqual(panel.drawn(), drawn)
            with self.step(f"slice {number + 1}: the stroke is taken back"):
                panel.ui.segmentEditor.undo()
                panel.pass_time(0.5)
                self.assertEqual(panel.drawn(), drawn)
            with self.step(f"slice {number + 1}: {NOTCHES} slices by the wheel, and back"):
                panel.turn_wheel(NOTCHES)
                panel.turn_wheel(-NOTCHES)
            begun = time.monotonic()
            with self.step(f"slice {number + 1} is corrected, and the CNN learns from it"):
                panel.key("c")
                panel.wait_for(lambda: panel.state.corrections.isLearned, "learned", PATIENCE_S)
            self._print(f"learned from {number + 1} in {time.monotonic() - begun:.1f} s")

    def _review(self) -> None:
        panel, begun = self.panel, time.monotonic()
        with self.step("Show result, until the lesions are shown"):
            panel.press("showResultButton")
            panel.wait_for(lambda: panel.state.step == "result", "the result is shown", PATIENCE_S)
        shown = time.monotonic()
        with self.step("its uncertainty follows"):
            panel.wait_for(
                lambda: panel.state.review.versions[0].hasUncertainty, "uncertainty is shown", PATIENCE_S
            )
            panel.pass_time(1)
        self._print(
            f"lesions {shown - begun:.1f} s after the click, uncertainty {time.monotonic() - shown:.1f} s later"
        )
        with self.step("walking through the lesions"):
            for key in "nnb":
                panel.key(key)
                panel.pass_time(0.5)
            self.assertNotEqual(panel.state.review.selected, "")
        with self.step("side by side, and alone"):
            for _ in range(2):
                panel.press("sideBySideButton")
                panel.pass_time(1)
        with self.step("the verdict"):
            panel.wait_until_all_is_done(PATIENCE_S)
            self.assertNotEqual(panel.state.review.verdict, "")
        self._print(f"{panel.state.review.sentence} {panel.state.review.verdict}")
        with self.step("lesions, table and report are written"):
            files = [
                self.folder / name
                for name in ("lesions.nii.gz", "lesions.seg.nrrd", "lesions.csv", "report.html")
            ]
            panel.logic.exportLesions(str(files[0]))
            panel.logic.exportLesions(str(files[1]))
            panel.logic.exportTable(str(files[2]))
            panel.logic.exportReport(str(files[3]))
            panel.wait_until_idle(PATIENCE_S)
            self.assertTrue(all(file.stat().st_size for file in files))
        case = Path(panel.state.caseFolder)
        held = sum(file.stat().st_size for file in case.rglob("*") if file.is_file())
        self._print(
            f"the case holds {held / 1e9:.2f} GB; most memory of the worker {self._worker_gb():.1f} GB"
        )

    def _come_back(self) -> None:
        panel, path = self.panel, self.folder / "work.mrb"
        drawn, rows = panel.drawn(), len(panel.state.review.rows)
        with self.step("the scene is saved"):
            self.assertTrue(slicer.util.saveScene(str(path)))
            panel.pass_time(0.1)
        with self.step("and closed"):
            slicer.mrmlScene.Clear()
            panel.pass_time(1)
            self.assertEqual(panel.state.review.rows, ())
        with self.step("and loaded again"):
            slicer.util.loadScene(str(path))
            panel.wait_for(lambda: panel.state.isPrepared, "prepared", 60)
            panel.pass_time(1)
            self.assertEqual(panel.drawn(), drawn)
            self.assertEqual(len(panel.state.review.rows), rows)

    def _worker_gb(self) -> float:
        """Most memory that the worker held in RAM; 0 where the system does not say it in /proc."""
        status = Path(f"/proc/{self.panel.worker_process_id()}/status")
        lines = status.read_text().splitlines() if status.is_file() else []
        return next((int(line.split()[1]) / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)

    def _print(self, text: str) -> None:
        print(f"      {text}", flush=True)


def _sampled(said: list[tuple[float, float]], took: float) -> str:
    """Some of what was said of the time left, beside what was left."""
    kept: list[str] = []
    for at, left in said:
        if at >= len(kept) * took / ESTIMATES:
            kept.append(f"{took - at:.0f} ({left:.0f})")
    return ", ".join(kept)
