"""What users of such extensions complain about, each as a test inside Slicer."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import slicer
from story_case import StoryCase


class PatientSpecificTuningComplaintsTest(StoryCase):
    """Installation, network, frozen windows, lost edits, geometry, things left behind."""

    def test_a_missing_torch_is_said_in_the_panel_and_can_be_tried_again(self) -> None:
        self.choose_patient()
        packages = importlib.import_module("PatientSpecificTuningLib.panel.packages")
        found = packages.find_spec
        with (
            self.step("torch is missing"),
            mock.patch.object(packages, "find_spec", lambda name: None if name == "torch" else found(name)),
            mock.patch.dict(sys.modules, {"PyTorchUtils": None}),
        ):
            self.panel.press("startButton")
            self.panel.pass_time(0.5)
            self.assertIn("torch", self.panel.said())
            self.assertIn("PyTorch extension", self.panel.said())
            self.assertTrue(self.panel.ui.messageLabel.visible)
        with self.step("and then it is there"):
            self.panel.prepare()

    def test_an_installation_that_fails_is_said_in_the_panel(self) -> None:
        self.watchesLog = False
        self.choose_patient()
        packages = importlib.import_module("PatientSpecificTuningLib.panel.packages")
        failing = mock.Mock(side_effect=RuntimeError("no network"))
        with self.step("nothing can be installed"), mock.patch.object(packages, "_install", failing):
            with mock.patch.object(
                packages, "find_spec", lambda name: None if name == "safetensors" else object()
            ):
                self.panel.press("startButton")
                self.panel.pass_time(0.5)
            self.assertNotEqual(self.panel.said(), "")
            self.assertIsNone(self.panel.state.running)

    def test_requirements_never_replace_what_slicer_brings(self) -> None:
        from PatientSpecificTuningLib.engine.files.resources import RESOURCES

        files = [path.read_text(encoding="utf-8") for path in Path(RESOURCES).glob("requirements*.txt")]
        packages = [line.lower() for text in files for line in text.splitlines() if not line.startswith("#")]
        for name in ("numpy", "simpleitk", "vtk", "torch"):
            self.assertFalse([package for package in packages if package.startswith(name)])

    def test_nothing_is_asked_of_the_network(self) -> None:
        refused = mock.Mock(side_effect=AssertionError("the network was asked"))
        with self.step("everything with the network refused"), mock.patch("socket.socket.connect", refused):
            self.review_patient()
            self.assertEqual(refused.call_count, 0)

    def test_slicer_answers_while_the_worker_runs(self) -> None:
        self.choose_patient()
        self.panel.logic.parameters().iterations = 500
        with self.step("the window answers while the worker prepares and tunes"):
            self.panel.prepare()
            self.panel.correct_and_tune()
        self.assertLess(max(self.record.stalls.values()), 5)

    def test_what_was_drawn_is_never_changed_by_the_program(self) -> None:
        self.prepare_patient()
        self.panel.go_to("correct")
        self.panel.paint()
        drawn = self.panel.drawn()
        self.panel.press("correctedButton")
        with self.step("prepared again, tuned, cancelled, failed: the same voxels"):
            self.panel.press("showResultButton")
            self.panel.pass_time(0.2)
            self.panel.wait_until_idle()
            self.assertEqual(self.panel.drawn(), drawn)
            self.panel.go_to("correct")
            self.panel.press(
                "tuneAgainButton"
            ) if self.panel.ui.tuneAgainButton.visible else self.panel.logic.tune()
            self.panel.logic.cancel()
            self.panel.wait_until_all_is_done(30)
            self.assertEqual(self.panel.drawn(), drawn)

    def test_one_undo_takes_one_stroke_back(self) -> None:
        self.prepare_patient()
        self.panel.go_to("correct")
        before = self.panel.drawn()
        with self.step("two strokes, two steps back"):
            self.panel.paint()
            first = self.panel.drawn()
            self.panel.paint(erase=True)
            self.panel.ui.segmentEditor.undo()
            self.panel.pass_time(0.3)
            self.assertEqual(self.panel.drawn(), first)
            self.panel.ui.segmentEditor.undo()
            self.panel.pass_time(0.3)
            self.assertEqual(self.panel.drawn(), before)

    def test_results_lie_on_the_grid_of_the_loaded_volume(self) -> None:
        nodes = self.review_patient()
        path = self.folder / "lesions.nrrd"
        with self.step("the exported lesions lie on the follow-up"):
            self.panel.logic.exportLesions(str(path))
            written = slicer.util.loadLabelVolume(str(path))
            followup = nodes["followupFirst"]
            self.assertEqual(written.GetImageData().GetDimensions(), followup.GetImageData().GetDimensions())
            matrices = [slicer.util.arrayFromVTKMatrix(self._matrix(node)) for node in (written, followup)]
            self.assertTrue(np.allclose(*matrices, atol=1e-3))

    def _matrix(self, node):
        import vtk

        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        return matrix

    def test_nothing_is_left_when_the_patient_is_gone(self) -> None:
        self.panel.pass_time(0.3)
        with self.step("nodes before and after"):
            before = self._nodes()
            for _ in range(2):
                self.review_patient()
                slicer.mrmlScene.Clear()
                self.panel.pass_time(0.5)
            self.assertEqual(self._nodes() - before, set())

    def _nodes(self) -> set[str]:
        scene = slicer.mrmlScene
        return {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())}

    def test_cancelling_leaves_no_process(self) -> None:
        self.choose_patient()
        with self.step("cancel, then stop the worker"):
            self.panel.press("startButton")
            self.panel.wait_for(lambda: self.panel.state.running is not None, "runs", 20)
            self.panel.logic.cancel()
            self.panel.wait_until_all_is_done(20)

    def test_two_versions_of_the_same_corrections_are_the_same(self) -> None:
        self.review_patient()
        with self.step("tuned twice with one seed"):
            self.panel.logic.tune()
            self.panel.pass_time(0.2)
            self.panel.wait_until_idle()
            tuned = [v for v in self.panel.state.review.versions if not v.isBase]
            self.assertEqual(len(tuned), 2)
            self.assertEqual(
                {(v.lesions, v.volumeMl) for v in tuned}, {(tuned[0].lesions, tuned[0].volumeMl)}
            )

    def test_the_device_is_said(self) -> None:
        self.prepare_patient()
        self.assertNotEqual(self.panel.state.device, "")
