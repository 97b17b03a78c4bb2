"""What may happen to the scene at any moment: cancel, close, delete, another patient, reload, quit."""

from __future__ import annotations

import slicer
from story_case import StoryCase


class PatientSpecificTuningLifecycleTest(StoryCase):
    """Each time: nothing of another patient is shown, nothing that was drawn is lost, the panel goes on."""

    def test_cancel_while_preparing(self) -> None:
        self.choose_patient()
        with self.step("cancel while preparing"):
            self.panel.press("startButton")
            self.panel.wait_for(lambda: self.panel.state.running is not None, "runs", 20)
            self.panel.press("cancelButton")
            self.panel.wait_until_all_is_done(20)
            self.assertEqual(self.unfinished_files(), [])
        with self.step("start again"):
            self.panel.prepare()

    def test_cancel_while_tuning(self) -> None:
        self.prepare_patient()
        self.panel.logic.parameters().iterations = 1000
        self.panel.go_to("correct")
        self.panel.paint()
        self.panel.press("correctedButton")
        drawn = self.panel.drawn()
        with self.step("cancel while tuning"):
            self.panel.press("showResultButton")
            self.panel.wait_for(
                lambda: (r := self.panel.state.running) is not None and not r.isAhead, "runs", 20
            )
            self.panel.press("cancelButton")
            self.panel.wait_until_all_is_done(20)
            self.assertEqual(self.panel.drawn(), drawn)
            self.assertEqual([v for v in self.panel.state.review.versions if not v.isBase], [])
            self.assertEqual(self.unfinished_files(), [])
        with self.step("tune after all"):
            self.panel.quick_settings()
            self.panel.press("showResultButton")
            self.panel.pass_time(0.2)
            self.panel.wait_until_idle()
            self.assertEqual(len([v for v in self.panel.state.review.versions if not v.isBase]), 1)

    def test_a_scene_that_was_saved_with_its_result_is_painted_on(self) -> None:
        self.review_patient()
        path = self._saved_and_closed()
        with self.step("loaded with the result in sight"):
            self._load(path)
            self.assertEqual(self.panel.state.step, "result")
            self.assertEqual(len(self.panel.state.corrections.learned), 1)
        with self.step("back to the corrections, and a stroke"):
            self.panel.go_to("correct")
            self._stroke_on_a_listed_slice()

    def test_a_scene_that_was_saved_while_correcting_is_painted_on(self) -> None:
        self.prepare_patient()
        self.panel.go_to("correct")
        path = self._saved_and_closed()
        with self.step("loaded with the corrections in sight, and a stroke"):
            self._load(path)
            self.assertEqual(self.panel.state.step, "correct")
            self._stroke_on_a_listed_slice()

    def test_a_scene_is_imported_while_preparing(self) -> None:
        self.choose_patient()
        path = self.folder / "scene.mrb"
        self.assertTrue(slicer.util.saveScene(str(path)))
        with self.step("import while preparing"):
            self.panel.press("startButton")
            self.panel.wait_for(lambda: self.panel.state.running is not None, "runs", 20)
            slicer.util.loadScene(str(path))
            self.panel.pass_time(0.5)
            self.assertIn("stopped", self.panel.said())
            self.panel.wait_until_all_is_done(60)
            self.assertEqual(self.unfinished_files(), [])
        with self.step("start again"):
            self.panel.prepare()

    def _saved_and_closed(self) -> str:
        path = self.folder / "scene.mrb"
        with self.step("saved and closed"):
            self.panel.wait_until_all_is_done(60)
            self.assertTrue(slicer.util.saveScene(str(path)))
            slicer.mrmlScene.Clear()
            self.panel.pass_time(0.5)
            self.assertEqual(self.panel.state.corrections.rows, ())
        return str(path)

    def _load(self, path: str) -> None:
        slicer.util.loadScene(path)
        self.panel.pass_time(1)
        self.assertTrue(self.panel.state.isPrepared)

    def _stroke_on_a_listed_slice(self) -> None:
        """Paint and mark; painting on what is hidden would open a question of Slicer's, which `paint` refuses."""
        self.panel.wait_for(
            lambda: any(r.isShown for r in self.panel.state.corrections.rows), "a listed slice", 10
        )
        before = self.panel.drawn()
        # The tiny model marks nearly everything, so that there is more to erase than to paint.
        self.panel.paint(erase=True)
        self.assertNotEqual(self.panel.drawn(), before)
        shown = next(row.slice for row in self.panel.state.corrections.rows if row.isShown)
        self.panel.key("c")
        self.assertEqual(self.panel.slice_status(shown), "corrected")

    def test_scene_is_closed_while_preparing(self) -> None:
        self.choose_patient()
        with self.step("close while preparing"):
            self.panel.press("startButton")
            self.panel.wait_for(lambda: self.panel.state.running is not None, "runs", 20)
            slicer.mrmlScene.Clear()
            self.panel.wait_until_all_is_done(20)
            self.assertFalse(self.panel.state.isPrepared)
            self.assertFalse(self.panel.state.canStart)

    def test_scene_is_closed_while_reviewing(self) -> None:
        self.review_patient()
        with self.step("close while reviewing"):
            slicer.mrmlScene.Clear()
            self.panel.pass_time(0.5)
            self.assertEqual(self.panel.state.review.rows, ())
            self.assertEqual(self.panel.edited(), "")
        with self.step("the next patient"):
            self.prepare_patient("second")

    def test_a_second_patient_shows_nothing_of_the_first(self) -> None:
        first = self.review_patient()
        with self.step("a second patient is chosen"):
            second = self.choose_patient("second")
            self.assertFalse(self.panel.state.isPrepared)
            self.assertEqual(self.panel.state.review.rows, ())
            self.assertEqual(self.panel.edited(), "")
            self.assertEqual(self._shown_segmentations(), [])
        with self.step("and prepared"):
            self.panel.prepare()
            self.assertEqual(self.panel.state.corrections.learned, ())
        with self.step("one image of the first among those of the second"):
            self.panel.choose("baseline", "First", first["baselineFirst"])
            self.panel.pass_time(0.3)
            self.assertFalse(self.panel.state.isPrepared)
            self.assertEqual(self._shown_segmentations(), [])
        with self.step("the second is found again"):
            self.panel.choose("baseline", "First", second["baselineFirst"])
            self.panel.pass_time(0.3)
            self.assertTrue(self.panel.state.isPrepared)

    def test_corrections_are_deleted(self) -> None:
        self.review_patient()
        with self.step("the corrections are deleted in Data"):
            slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetNodeByID(self.panel.state.corrections.nodeId))
            self.panel.pass_time(0.5)
            self.assertEqual(self.panel.state.corrections.learned, ())
            self.assertEqual(self.panel.edited(), "")
            self.assertFalse(self.panel.state.canTune)
        with self.step("new ones begin with nothing marked"):
            self.panel.go_to("correct")
            self.assertNotEqual(self.panel.edited(), "")
            self.assertEqual(self.panel.state.corrections.learned, ())

    def test_an_image_is_deleted(self) -> None:
        nodes = self.prepare_patient()
        with self.step("the follow-up's FLAIR is deleted in Data"):
            slicer.mrmlScene.RemoveNode(nodes["followupFirst"])
            self.panel.pass_time(0.5)
            self.assertFalse(self.panel.state.isPrepared)
            self.assertTrue(self.panel.state.problems)
            self.assertFalse(self.panel.state.canStart)

    def test_an_image_is_changed_in_place(self) -> None:
        import vtk

        nodes = self.prepare_patient()
        with self.step("the baseline is moved by a transform"):
            transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
            matrix = vtk.vtkMatrix4x4()
            matrix.SetElement(0, 3, 20)
            transform.SetMatrixTransformToParent(matrix)
            nodes["baselineFirst"].SetAndObserveTransformNodeID(transform.GetID())
            self.panel.pass_time(0.5)
            self.assertFalse(self.panel.state.isPrepared)
        with self.step("and moved back"):
            nodes["baselineFirst"].SetAndObserveTransformNodeID(None)
            self.panel.pass_time(0.5)
            self.assertTrue(self.panel.state.isPrepared)
        with self.step("its voxels are changed"):
            slicer.util.arrayFromVolume(nodes["baselineFirst"])[:] += 1
            slicer.util.arrayFromVolumeModified(nodes["baselineFirst"])
            self.panel.pass_time(0.5)
            self.assertFalse(self.panel.state.isPrepared)

    def test_the_module_is_reloaded(self) -> None:
        self.review_patient()
        with self.step("the module is reloaded"):
            drawn = self.panel.drawn()
            slicer.util.reloadScriptedModule("PatientSpecificTuning")
            self.panel.pass_time(1)
            self.assertEqual(self.panel.drawn(), drawn)
            self.assertEqual(len(self.panel.state.review.versions), 2)
        with self.step("and its views are filled"):
            self.assertTrue(self.panel.followup_view())
            self.panel.go_to("correct")
            self.assertTrue(self.panel.baseline_view())
            self.assertNotEqual(self.panel.edited(), "")

    def test_other_modules_keep_their_views(self) -> None:
        self.prepare_patient()
        with self.step("another module is shown, and its views are its own"):
            slicer.util.selectModule("Data")
            layout = slicer.app.layoutManager().layout
            slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
            self.panel.logic.parameters().shownChannel = 0
            self.panel.pass_time(0.3)
            shown = slicer.app.layoutManager().layout
            self.assertEqual(shown, slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
            slicer.app.layoutManager().setLayout(layout)
            slicer.util.selectModule("PatientSpecificTuning")

    def _shown_segmentations(self) -> list[str]:
        """Segmentations that can be seen now, by name."""
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        return [n.GetName() for n in nodes if (d := n.GetDisplayNode()) is not None and d.GetVisibility()]
