"""What users of such extensions complain about, each as a test inside Slicer."""

from __future__ import annotations

import csv
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import failing_worker
import numpy as np
import SimpleITK as sitk
import slicer
import vtk
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

    def test_a_half_installed_torch_is_said_and_can_be_tried_again(self) -> None:
        self.watchesLog = False
        (self.folder / "half" / "torch").mkdir(parents=True)
        (self.folder / "half" / "torch" / "__init__.py").write_text("", encoding="utf-8")
        self.choose_patient()
        with (
            self.step("what is left of an interrupted installation"),
            self._failing(failing_worker.HALF_INSTALLED, self.folder / "half"),
        ):
            self.panel.press("startButton")
            self.panel.wait_for(lambda: "half installed" in self.panel.said(), "said", 60)
            self.assertIn("PyTorch extension", self.panel.said())
            self.panel.wait_until_all_is_done(60)
        with self.step("installed anew, without a restart"):
            self.panel.prepare()

    def test_memory_that_runs_out_is_one_sentence_and_nothing_is_lost(self) -> None:
        self.watchesLog = False
        self.prepare_patient()
        self.panel.go_to("correct")
        self.panel.paint()
        self.panel.press("correctedButton")
        # Open slices start from what was learned; that is no loss.
        self.panel.wait_until_all_is_done(60)
        drawn = self.panel.drawn()
        with self.step("no memory while learning"), self._failing("tune", self.folder / "failed"):
            self.panel.press("showResultButton")
            self.panel.wait_for(lambda: "not enough memory" in self.panel.said(), "said", 120)
            self.panel.wait_until_all_is_done(60)
            self.assertEqual(self.panel.drawn(), drawn)
            self.assertEqual([v for v in self.panel.state.review.versions if not v.isBase], [])
            self.assertEqual(self.unfinished_files(), [])
            self.panel.press("showResultButton")
            self.panel.pass_time(0.2)
            self.panel.wait_until_idle()
            self.assertEqual(len([v for v in self.panel.state.review.versions if not v.isBase]), 1)

    def test_flipped_and_turned_voxels_and_transforms_change_no_result(self) -> None:
        nodes = self.prepare_patient()
        plain = self._lesions_of_base()
        with self.step("the same images, their voxels in another order and under a transform"):
            for field in ("baselineFirst", "baselineSecond", "followupFirst", "followupSecond"):
                _turn(nodes[field])
            turned = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turned and back")
            for node in nodes.values():
                _move_by(node, turned)
            self.panel.pass_time(0.5)
            self.assertFalse(self.panel.state.isPrepared)
            self.panel.prepare()
            again = self._lesions_of_base()
            self.assertEqual(len(again), len(plain))
            self.assertTrue(np.allclose(again, plain, rtol=0.02, atol=0.5), (again, plain))

    def _lesions_of_base(self) -> list[tuple[float, ...]]:
        """Volume and place of every lesion of the follow-up that the base CNN finds, by place."""
        self.panel.wait_for(lambda: self.panel.state.review.versions, "the base CNN's result")
        self.panel.wait_until_all_is_done(60)
        rows = self.panel.state.review.rows
        found = [(row.afterMm3, *row.followupPlace) for row in rows if row.afterMm3 is not None]
        self.assertGreater(len(found), 0)
        return sorted(found, key=lambda lesion: lesion[1:])

    def test_lesions_at_the_border_and_empty_slices_keep_their_place(self) -> None:
        nodes = self.prepare_patient()
        self.panel.go_to("correct")
        state, volume = self.panel.state, nodes["baselineFirst"]
        node = slicer.mrmlScene.GetNodeByID(state.corrections.nodeId)
        shape = slicer.util.arrayFromVolume(volume).shape
        with self.step("everything erased, then one lesion in a corner of the volume"):
            empty = np.zeros(shape, dtype=np.uint8)
            slicer.util.updateSegmentBinaryLabelmapFromArray(empty, node, state.corrections.segmentId, volume)
            self.panel.pass_time(0.5)
            self.assertEqual({row.lesionAreaMm2 for row in self.panel.state.corrections.rows}, {0.0})
            empty[0, :3, :3] = 1
            slicer.util.updateSegmentBinaryLabelmapFromArray(empty, node, state.corrections.segmentId, volume)
            self.panel.pass_time(0.5)
            self.assertEqual(np.count_nonzero(np.frombuffer(self.panel.drawn(), dtype=np.uint8)), 9)
        with self.step("a file of the whole grid goes to the CNN, with the corner in its place"):
            from PatientSpecificTuningLib.panel.scene import corrections

            grid = self.panel.logic.facts.case.workingGrid
            path = corrections.write(node, grid, self.folder / "corrections.nii.gz")
            image = sitk.ReadImage(str(path))
            self.assertEqual(image.GetSize(), tuple(grid.size))
            statistics = sitk.LabelShapeStatisticsImageFilter()
            statistics.Execute(image)
            ras = np.array(statistics.GetCentroid(1)) * (-1, -1, 1)
            matrix = self._matrix(volume)
            expected = [matrix.MultiplyPoint((1, 1, 0, 1))[axis] for axis in range(3)]
            self.assertLess(np.abs(ras - expected).max(), 1.0)

    def test_uncertainty_keeps_its_numbers_its_range_and_its_legend(self) -> None:
        self.review_patient()
        with self.step("the uncertainty in the follow-up's view"):
            self.panel.wait_for(lambda: self.panel.state.review.versions[0].hasUncertainty, "there", 120)
            self.panel.pass_time(0.5)
            composite = self._composite(self.panel.followup_view())
            volume = slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID())
            self.assertIsNotNone(volume)
            self.assertEqual(slicer.util.arrayFromVolume(volume).dtype, np.float32)
            display = volume.GetDisplayNode()
            self.assertEqual((display.GetWindowLevelMin(), display.GetWindowLevelMax()), (0, 0.25))
            legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(volume)
            self.assertTrue(legend.GetVisibility())
            self.assertEqual(legend.GetViewNodeIDs(), ("vtkMRMLSliceNodeFollowup",))
            self.assertFalse(self._composite(self.panel.baseline_view()).GetForegroundVolumeID())

    def _composite(self, view: str):
        return slicer.app.layoutManager().sliceWidget(view).sliceLogic().GetSliceCompositeNode()

    def test_every_lesion_has_its_own_number_and_none_at_all_is_a_result(self) -> None:
        self.review_patient()
        with self.step("as many labels as lesions in the table"):
            path = self.folder / "lesions.nii.gz"
            self.panel.logic.exportLesions(str(path))
            labels = np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
            listed = {
                n for row in self.panel.state.review.rows for n in row.label.split(" + ") if n.isdigit()
            }
            self.assertEqual({str(label) for label in labels if label}, listed)
        with self.step("a CNN that finds nothing"):
            self.panel.use_model(self.materials / "blind")
            self.panel.pass_time(0.5)
            self.panel.prepare()
            self.panel.wait_for(lambda: self.panel.state.review.versions, "the base CNN's result")
            self.panel.wait_until_all_is_done(60)
            self.panel.go_to("result")
            self.assertEqual(self.panel.state.review.versions[0].lesions, 0)
            self.assertNotEqual(self.panel.state.review.sentence, "")
            self.panel.logic.exportLesions(str(path))
            self.assertEqual(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).max(), 0)
            table = self.folder / "lesions.csv"
            self.panel.logic.exportTable(str(table))
            with table.open(encoding="utf-8", newline="") as file:
                self.assertEqual(len(list(csv.DictReader(file))), len(self.panel.state.review.rows))

    @contextmanager
    def _failing(self, failure: str, done: Path) -> Iterator[None]:
        """Let the worker fail once; see failing_worker.py."""
        process = importlib.import_module("PatientSpecificTuningLib.jobs.qt_process")
        variables = {failing_worker.FAILURE: failure, failing_worker.DONE: str(done)}
        self.panel.wait_until_all_is_done(60)
        self.panel.end_worker()
        script = Path(failing_worker.__file__).resolve()
        try:
            with mock.patch.dict(os.environ, variables), mock.patch.object(process, "WORKER", script):
                yield
        finally:
            # Also after a step that failed: the next story must not meet this worker.
            self.panel.end_worker()

    def test_an_installation_that_fails_is_said_in_the_panel(self) -> None:
        self.watchesLog = False
        self.choose_patient()
        packages = importlib.import_module("PatientSpecificTuningLib.panel.packages")
        failing = mock.Mock(side_effect=RuntimeError("no network"))
        with self.step("nothing can be installed"), mock.patch("slicer.packaging.pip_ensure", failing):
            with mock.patch.object(
                packages, "find_spec", lambda name: None if name == "safetensors" else object()
            ):
                self.panel.press("startButton")
                self.panel.pass_time(0.5)
            self.assertIn("could not be installed (no network)", self.panel.said())
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
        first = [row.afterMm3 for row in self.panel.state.review.rows]
        with self.step("tuned with another seed, and then as before"):
            for seed in (1, 0):
                self.panel.logic.parameters().seed = seed
                self.panel.logic.tune()
                self.panel.pass_time(0.2)
                self.panel.wait_until_idle()
            self.assertEqual([row.afterMm3 for row in self.panel.state.review.rows], first)

    def test_the_device_is_said(self) -> None:
        self.prepare_patient()
        self.assertNotEqual(self.panel.state.device, "")


def _turn(node) -> None:
    """Keep a volume where it is, with two axes of its voxels swapped and one reversed (left-handed)."""
    array = slicer.util.arrayFromVolume(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    old = slicer.util.arrayFromVTKMatrix(matrix)
    width, height, depth = node.GetImageData().GetDimensions()
    new = np.eye(4)
    # The new axes i, j, k are the old j, k reversed, and i.
    new[:3, 0], new[:3, 1], new[:3, 2] = old[:3, 1], -old[:3, 2], old[:3, 0]
    new[:3, 3] = (old @ (0, 0, depth - 1, 1))[:3]
    turned = np.ascontiguousarray(array[::-1].transpose(2, 0, 1))
    if turned.shape != (width, depth, height):
        message = f"{turned.shape}"
        raise AssertionError(message)
    slicer.util.updateVolumeFromArray(node, turned)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(new))


def _move_by(node, transform) -> None:
    """Put a node under a transform, with a geometry that the transform brings back to where it was."""
    angle = np.radians(25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = (12, -7, 5)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn))
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    back = np.linalg.inv(turn) @ slicer.util.arrayFromVTKMatrix(matrix)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(back))
    node.SetAndObserveTransformNodeID(transform.GetID())
