"""The whole work in Slicer, from the sample case to a scene that is loaded again and gone on with."""

from __future__ import annotations

import slicer
from story_case import StoryCase
from story_panel import OVERLAYS


class PatientSpecificTuningStoryTest(StoryCase):
    """Clicks, strokes and keys, with the worker in its own process."""

    def test_from_the_sample_case_to_a_reloaded_scene(self) -> None:
        panel = self.panel
        with self.step("the module opens"):
            self.assertFalse(panel.state.canStart)
        with self.step("the sample case is shown at once"):
            panel.press("sampleButton")
            panel.wait_until_idle()
            panel.use_model(self.materials / "sparse")
            panel.quick_settings()
            panel.wait_until_shown()
            self.assertEqual(panel.state.problems, ())
            self.assertTrue(all(panel.backgrounds().values()), panel.backgrounds())
            self.assertTrue(self._view_is_filled(panel.baseline_view()))
        self._prepare()
        drawn = self._correct()
        self._tune()
        self._review()
        self._export()
        path = self.folder / "work.mrb"
        with self.step("the scene is saved"):
            self.assertTrue(slicer.util.saveScene(str(path)))
            panel.pass_time(0.1)
        with self.step("the scene is closed"):
            slicer.mrmlScene.Clear()
            panel.pass_time(0.3)
            self.assertEqual(panel.state.corrections.rows, ())
        with self.step("the scene is loaded and everything is there"):
            slicer.util.loadScene(str(path))
            panel.wait_for(lambda: panel.state.isPrepared, "the work is taken up", 60)
            panel.wait_until_idle()
            self.assertEqual(panel.drawn(), drawn)
            self.assertEqual(len(panel.state.review.versions), 2)
            self.assertEqual(len(panel.state.corrections.learned), 1)
        with self.step("a second slice and a second version"):
            panel.go_to("correct")
            self.assertEqual(panel.edited(), panel.state.corrections.nodeId)
            panel.correct_and_tune()
            self.assertEqual(len(panel.state.review.versions), 3)

    def _scale(self, name: str) -> float:
        """Millimetres that a pixel of a view is wide, as it is drawn."""
        node = slicer.app.layoutManager().sliceWidget(name).sliceLogic().GetSliceNode()
        column = slicer.util.arrayFromVTKMatrix(node.GetXYToRAS())[:3, 0]
        return float((column @ column) ** 0.5)

    def _view_is_filled(self, name: str) -> bool:
        """Whether an image fits into its view: its middle is seen and neither axis is cut."""
        logic = slicer.app.layoutManager().sliceWidget(name).sliceLogic()
        view, bounds = logic.GetSliceNode().GetFieldOfView(), [0.0] * 6
        logic.GetSliceBounds(bounds)
        return bounds[1] - bounds[0] <= 1.1 * view[0] and bounds[3] - bounds[2] <= 1.1 * view[1]

    def _view_is_used(self, name: str) -> bool:
        """Whether an image fills its view along one axis, so that it is not seen smaller than it could be."""
        logic = slicer.app.layoutManager().sliceWidget(name).sliceLogic()
        view, bounds = logic.GetSliceNode().GetFieldOfView(), [0.0] * 6
        logic.GetSliceBounds(bounds)
        return min(view[0] / (bounds[1] - bounds[0]), view[1] / (bounds[3] - bounds[2])) < 1.05

    def _prepare(self) -> None:
        panel = self.panel
        with self.step("preparing says how far it is"):
            panel.press("startButton")
            panel.wait_for(lambda: panel.ui.cancelButton.visible, "what runs can be cancelled", 20)
            self.assertTrue(panel.ui.progressBar.visible)
            panel.wait_until_idle()
            self.assertTrue(panel.state.isPrepared)
        with self.step("the base CNN's lesions are there before any work"):
            panel.wait_for(lambda: panel.state.review.versions, "the base CNN's result")
            self.assertTrue(panel.state.canReview)
            self.assertTrue(panel.state.review.versions[0].isBase)

    def _correct(self) -> bytes:
        panel = self.panel
        with self.step("correcting: the baseline, the editor and the slices"):
            panel.go_to("correct")
            self.assertEqual(panel.edited(), panel.state.corrections.nodeId)
            self.assertTrue(
                all("ollow" not in name for name in panel.backgrounds().values()), panel.backgrounds()
            )
            self.assertEqual(len(panel.table("sliceTable")), len(panel.state.corrections.rows))
        shown = next(row.slice for row in panel.state.corrections.rows if row.isShown)
        before = panel.drawn()
        with self.step("the CNN marks more or less of the slice as the slider says"):
            for position in (8, -8):
                panel.ui.shiftSlider.value = position
                panel.pass_time(0.5)
                self.assertNotEqual(panel.drawn(), before)
                self.assertEqual(panel.slice_status(shown), "untouched")
            panel.ui.shiftSlider.value = 0
            panel.pass_time(0.5)
            self.assertEqual(panel.drawn(), before)
        with self.step("a stroke of the brush is on the slice that is shown"):
            panel.paint()
            self.assertNotEqual(panel.drawn(), before)
            self.assertEqual(panel.slice_status(shown), "in progress")
            self.assertFalse(panel.ui.shiftSlider.enabled)
        with self.step("undo and redo"):
            painted = panel.drawn()
            panel.ui.segmentEditor.undo()
            panel.pass_time(0.5)
            self.assertEqual(panel.drawn(), before)
            panel.ui.segmentEditor.redo()
            panel.pass_time(0.5)
            self.assertEqual(panel.drawn(), painted)
        with self.step("one key marks the slice and goes on"):
            panel.key("c")
            self.assertEqual(panel.slice_status(shown), "corrected")
        with self.step(
            "the CNN learns meanwhile; the corrected slice stays, the others say what is in doubt"
        ):
            panel.wait_for(lambda: panel.state.corrections.isLearned, "learned from the slice")
            self.assertEqual(panel.slice_status(shown), "corrected")
            self.assertTrue(all(r.doubt for r in panel.state.corrections.rows if r.status == "untouched"))
            self.assertEqual(len(panel.state.review.versions), 1)
        return panel.drawn()

    def _tune(self) -> None:
        panel = self.panel
        with self.step("learning from the slice, lesions of the follow-up"):
            drawn = panel.drawn()
            panel.press("showResultButton")
            panel.pass_time(0.2)
            panel.wait_until_idle()
            self.assertEqual(panel.state.step, "result")
            self.assertEqual(len(panel.state.review.versions), 2)
            self.assertEqual(panel.drawn(), drawn)

    def _review(self) -> None:
        panel = self.panel
        with self.step("the result lies on the follow-up"):
            panel.wait_for(lambda: panel.state.review.versions[0].hasUncertainty, "uncertainty", 120)
            self.assertTrue(self._view_is_filled(panel.followup_view()))
            self.assertTrue(self._view_is_used(panel.followup_view()))
            panel.ui.doubtfulButton.setChecked(True)
            self.assertEqual(len(panel.table("lesionTable")), len(panel.state.review.rows))
        with self.step("walking through the lesions by key"):
            visited = []
            for _ in range(min(3, len(panel.state.review.rows))):
                panel.key("n")
                visited.append(panel.state.review.selected)
            self.assertEqual(len(set(visited)), len(visited))
        with self.step("overlays follow their check marks"):
            for name in OVERLAYS:
                box = getattr(panel.ui, f"{name}CheckBox")
                for _ in range(2):
                    box.click()
                    panel.pass_time(0.1)
                    shown = name in {overlay.role for overlay in panel.state.overlays}
                    self.assertEqual(shown, box.checked, name)
        with self.step("baseline and follow-up side by side"):
            if not panel.ui.sideBySideButton.checked:
                panel.press("sideBySideButton")
            panel.pass_time(0.3)
            self.assertNotEqual(panel.baseline_view(), panel.followup_view())
            scales = [self._scale(view) for view in (panel.baseline_view(), panel.followup_view())]
            self.assertAlmostEqual(*scales, delta=0.01 * scales[0])
        with self.step("judged by the known lesions"):
            panel.press("judgeButton")
            panel.pass_time(0.2)
            panel.wait_until_idle()
            self.assertTrue(panel.state.review.judged)

    def _export(self) -> None:
        panel, logic = self.panel, self.panel.logic
        with self.step("every kind of file is written"):
            lesions = [self.folder / f"lesions{ending}" for ending in (".nii.gz", ".nrrd", ".seg.nrrd")]
            for path in lesions:
                logic.exportLesions(str(path))
                panel.pass_time(0.1)
            table, report = self.folder / "lesions.csv", self.folder / "report.html"
            logic.exportTable(str(table))
            logic.exportReport(str(report))
            panel.wait_until_idle()
            for path in (*lesions, table, report):
                self.assertGreater(path.stat().st_size, 0, path)
        with self.step("a place that cannot be written is one sentence"):
            from PatientSpecificTuningLib.engine.errors import InputError

            for write in (logic.exportTable, logic.exportLesions):
                with self.assertRaises(InputError):
                    write(str(self.folder / "no such folder" / "file.csv"))
            panel.pass_time(0.1)
