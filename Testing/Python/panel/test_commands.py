"""The commands of the panel on a real scene: from images to exported lesions, with the engine in this process."""

from __future__ import annotations

import csv
import errno
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import SimpleITK as sitk
from panel_harness import DirectClient
from panel_harness import Work
from panel_harness import start_standin


@pytest.fixture(scope="module", autouse=True)
def _application():
    start_standin()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """A tiny patient, corrected on one slice, tuned and segmented; tests leave it as it is."""
    work = Work(tmp_path_factory.mktemp("finished"), DirectClient())
    work.finish_tiny_patient()
    work.settle()
    yield work
    work.close()


def test_a_finished_patient_is_reviewed_in_the_third_step(finished: Work) -> None:
    state = finished.state
    assert state.step == "result"
    assert [version.title for version in state.review.versions] == ["Patient-specific CNN 1", "Base CNN"]
    assert state.review.versions[0].hasUncertainty
    assert state.review.rows
    assert (state.running, state.message.text) == (None, "Done.")


def test_lesions_are_asked_for_before_their_uncertainty(finished: Work) -> None:
    asked = [arguments for verb, arguments in finished.client.requests if verb == "segment"]
    assert [arguments["repetitions"] for arguments in asked[-2:]] == [0, 25]


def test_the_name_of_the_case_says_nothing_of_the_patient(finished: Work) -> None:
    name = Path(finished.state.caseFolder).name
    assert name.startswith("case-")
    assert "patient" not in name


def test_results_lie_on_the_follow_up_and_corrections_on_the_baseline(finished: Work) -> None:
    import slicer

    shown = {}
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        if node.GetDisplayNode().GetVisibility():
            shown[node.GetName()] = node.GetDisplayNode().GetViewNodeIDs()
    assert shown["Patient-specific CNN 1"] == ("vtkMRMLSliceNodeFollowup",)
    assert shown["Baseline lesions"] == ("vtkMRMLSliceNodeBaseline",)
    assert not any(name.startswith("Corrections") for name in shown)


def test_a_result_lies_where_its_file_says_whatever_became_of_the_volume(finished: Work) -> None:
    import slicer
    from PatientSpecificTuningLib.panel.scene.node_images import labelImage

    node = slicer.util.getFirstNodeByName("Patient-specific CNN 1")
    path = Path(finished.state.caseFolder) / "results" / finished.state.review.shown / "labelmap.nii.gz"
    written, shown = sitk.ReadImage(str(path)), labelImage(node)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(
        sitk.Cast(written > 0, sitk.sitkUInt8),
        sitk.Resample(shown, written, sitk.Transform(), sitk.sitkNearestNeighbor),
    )
    assert overlap.GetDiceCoefficient() == pytest.approx(1.0)


def test_nothing_of_a_result_is_saved_with_the_scene(finished: Work) -> None:
    import slicer

    made = ("Patient-specific CNN 1", "Baseline lesions", "Uncertainty")
    assert [slicer.util.getFirstNodeByName(name).GetSaveWithScene() for name in made] == [False] * 3


@pytest.mark.parametrize("name", ["lesions.nii.gz", "lesions.nrrd", "lesions.seg.nrrd"])
def test_lesions_are_exported_in_each_format(finished: Work, tmp_path: Path, name: str) -> None:
    finished.logic.exportLesions(str(tmp_path / name))
    exported = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name)))
    assert exported.any()
    assert finished.state.message.text == f"{tmp_path / name} is saved."


def test_a_name_without_an_ending_gets_that_of_the_chosen_kind(finished: Work, tmp_path: Path) -> None:
    finished.logic.exportLesions(str(tmp_path / "lesions"), ".seg.nrrd")
    assert (tmp_path / "lesions.seg.nrrd").is_file()


def test_only_a_follow_up_of_slicers_dicom_module_can_be_saved_as_dicom(
    finished: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer
    from PatientSpecificTuningLib.engine.errors import InputError

    with pytest.raises(InputError, match="was not loaded with Slicer's DICOM module"):
        finished.logic.exportDicom(str(tmp_path))
    node = finished.parameters.followupFirst
    node.SetAttribute("DICOM.instanceUIDs", "1.2.1 1.2.2")
    node.GetImageData().Modified()
    finished.logic.changed()
    database = SimpleNamespace(fileForInstance=lambda instance: "" if instance == "1.2.2" else "a.dcm")
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    with pytest.raises(InputError, match="no longer has all images of the follow-up"):
        finished.logic.exportDicom(str(tmp_path))
    node.RemoveAttribute("DICOM.instanceUIDs")
    node.GetImageData().Modified()
    finished.logic.changed()


@pytest.mark.parametrize("export", ["exportLesions", "exportTable"])
def test_what_cannot_be_written_is_said(finished: Work, tmp_path: Path, export: str) -> None:
    finished.logic.guarded(getattr(finished.logic, export))(str(tmp_path / "no such folder" / "x.csv"))
    assert "cannot be written (there is no such folder)" in finished.state.message.text
    assert finished.state.message.kind == "failure"


@pytest.mark.parametrize("name", ["lesions.nii.gz", "lesions.nrrd", "lesions.seg.nrrd", "table.csv"])
def test_a_file_that_cannot_be_replaced_completely_stays_as_it_was(
    finished: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from PatientSpecificTuningLib.engine.files import atomic

    export = finished.logic.exportTable if name.endswith(".csv") else finished.logic.exportLesions
    (tmp_path / name).write_bytes(b"of yesterday")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "replace", full)
    finished.logic.guarded(export)(str(tmp_path / name))
    assert finished.state.message.kind == "failure"
    assert "disk is full" in finished.state.message.text
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"of yesterday"}


def test_the_exported_table_holds_every_row_with_its_places(finished: Work, tmp_path: Path) -> None:
    finished.logic.exportTable(str(tmp_path / "table.csv"))
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["change"] for row in rows] == [row.change for row in finished.state.review.rows]
    assert all(float(row["followup_S_mm"]) for row in rows)


def test_the_case_is_listed_with_its_size(finished: Work) -> None:
    [entry] = finished.logic.cases()
    assert entry.isOpen
    assert entry.gigabytes > 0


def test_the_same_work_once_more_makes_no_other_version(finished: Work) -> None:
    before = [version.number for version in finished.state.review.versions]
    finished.logic.tune(waitForCompletion=True)
    assert [version.number for version in finished.state.review.versions] == before
    assert not finished.state.newSince


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """A tiny patient that is chosen, not prepared."""
    opened = Work(tmp_path, DirectClient())
    opened.choose_tiny_patient()
    yield opened
    opened.close()


@pytest.fixture
def prepared(work: Work) -> Work:
    """The tiny patient prepared, in the second step."""
    work.logic.start(waitForCompletion=True)
    work.logic.showStep("correct")
    return work


def test_the_base_cnn_shows_its_lesions_of_both_examinations_before_anybody_corrects(work: Work) -> None:
    work.logic.start(waitForCompletion=True)
    assert {(o.role, o.examination) for o in work.state.overlays} == {
        ("corrections", "baseline"),
        ("outlines", "followup"),
    }
    assert [version.title for version in work.state.review.versions] == ["Base CNN"]
    assert work.state.canReview


def test_what_finds_the_brain_is_offered_once_where_a_mask_is_missing_and_may_be_refused(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PatientSpecificTuningLib.engine.errors import InputError
    from PatientSpecificTuningLib.panel import packages

    asked: list[str] = []

    def refuse(requirements: Path) -> None:
        asked.append(requirements.name)
        message = "refused"
        raise InputError(message)

    monkeypatch.setattr(packages, "_install", refuse)
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "deepbet" else object())
    work.logic.start(waitForCompletion=True)
    assert asked == []
    work.parameters.baselineMask = None
    for registration in ("none", "rigid"):
        work.parameters.registration = registration
        # This patient has no brain to be found.
        with pytest.raises(InputError, match="No brain was found"):
            work.logic.start(waitForCompletion=True)
    assert asked == ["requirements-brain.txt"]
    assert [verb for verb, _arguments in work.client.requests].count("prepare") == 3


def test_marking_marks_the_shown_slice_and_goes_on_to_the_next(prepared: Work) -> None:
    first, second = (row.slice for row in prepared.state.corrections.rows)
    prepared.logic.markCorrected()
    assert (prepared.statuses()[first], prepared.statuses()[second]) == ("corrected", "untouched")
    assert [row.slice for row in prepared.state.corrections.rows if row.isShown] == [second]


def test_a_stroke_on_a_marked_slice_takes_its_mark_away(prepared: Work) -> None:
    first = prepared.state.corrections.rows[0].slice
    prepared.logic.markCorrected()
    prepared.draw(first)
    assert prepared.statuses()[first] == "changed since"
    assert not prepared.state.canTune
    prepared.draw(first)
    assert prepared.statuses()[first] == "corrected"


def test_next_and_previous_go_round(prepared: Work) -> None:
    first, second = (row.slice for row in prepared.state.corrections.rows)
    shown = []
    for step in (prepared.logic.nextSlice, prepared.logic.nextSlice, prepared.logic.previousSlice):
        step()
        shown += [row.slice for row in prepared.state.corrections.rows if row.isShown]
    assert shown == [second, first, second]


def test_deleted_corrections_take_their_marks_along(prepared: Work) -> None:
    import slicer

    prepared.logic.markCorrected()
    slicer.mrmlScene.RemoveNode(prepared.parameters.corrections)
    state = prepared.state
    assert (state.corrections.nodeId, state.corrections.rows) == ("", ())
    assert state.canTune.reason == "There are no corrections of this baseline; begin them."
    prepared.logic.startAgain("cnn")
    assert set(prepared.statuses().values()) == {"untouched"}
    assert not prepared.state.canTune


def test_starting_again_keeps_the_earlier_corrections_hidden(prepared: Work) -> None:
    earlier = prepared.parameters.corrections
    prepared.draw(prepared.state.corrections.rows[0].slice)
    prepared.logic.markCorrected()
    prepared.logic.startAgain("cnn")
    assert prepared.state.corrections.nodeId != earlier.GetID()
    assert not earlier.GetDisplayNode().GetVisibility()
    assert set(prepared.statuses().values()) == {"untouched"}


def test_known_lesions_start_the_corrections(work: Work) -> None:
    import slicer

    mask = work.parameters.baselineMask
    array = slicer.util.arrayFromVolume(mask).copy()
    array[:, :20] = 0
    lesions = slicer.modules.volumes.logic().CloneVolume(mask, "known")
    slicer.util.updateVolumeFromArray(lesions, array)
    work.parameters.baselineLesions = lesions
    work.logic.start(waitForCompletion=True)
    assert work.state.corrections.startIsKnownLesions


def test_another_patient_shows_nothing_of_the_first_who_is_found_again(prepared: Work) -> None:
    parameters = prepared.parameters
    fields = [f"{e}{p}" for e in ("baseline", "followup") for p in ("First", "Second", "Mask")]
    first = {field: getattr(parameters, field) for field in fields}
    folder, node = prepared.state.caseFolder, prepared.state.corrections.nodeId
    prepared.logic.markCorrected()
    marked = prepared.statuses()
    prepared.choose_tiny_patient("other", seed=2)
    state = prepared.state
    assert state.caseFolder != folder
    assert (state.isPrepared, state.step, state.overlays) == (False, "scans", ())
    assert not parameters.corrections.GetDisplayNode().GetVisibility()
    assert not Path(state.caseFolder).exists()
    for field, image in first.items():
        setattr(parameters, field, image)
    assert (prepared.state.caseFolder, prepared.state.corrections.nodeId) == (folder, node)
    assert prepared.statuses() == marked


@pytest.mark.parametrize("harm", ["voxels", "place"])
def test_an_image_that_changed_in_place_leaves_its_case(prepared: Work, harm: str) -> None:
    import slicer
    import vtk

    volume = prepared.parameters.followupFirst
    if harm == "voxels":
        slicer.util.arrayFromVolume(volume)[2] = 0
        slicer.util.arrayFromVolumeModified(volume)
    else:
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        matrix.SetElement(2, 3, matrix.GetElement(2, 3) + 4)
        volume.SetIJKToRASMatrix(matrix)
    prepared.logic.changed()
    assert not prepared.state.isPrepared
    assert prepared.state.overlays == ()


def test_hardening_a_transform_leaves_everything_as_it_is(work: Work) -> None:
    import slicer
    import vtk

    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 7.5)
    transform.SetMatrixTransformToParent(matrix)
    work.parameters.baselineFirst.SetAndObserveTransformNodeID(transform.GetID())
    work.parameters.baselineSecond.SetAndObserveTransformNodeID(transform.GetID())
    work.parameters.baselineMask.SetAndObserveTransformNodeID(transform.GetID())
    work.logic.start(waitForCompletion=True)
    before = work.state
    assert before.isPrepared
    work.parameters.baselineFirst.HardenTransform()
    work.logic.changed()
    assert work.state.isPrepared
    assert work.state.caseFolder == before.caseFolder
    assert work.statuses() == {row.slice: row.status for row in before.corrections.rows}


def test_another_registration_is_another_case(prepared: Work) -> None:
    folder = prepared.state.caseFolder
    prepared.parameters.registration = "none"
    assert prepared.state.caseFolder != folder
    assert prepared.state.canStart
    prepared.parameters.registration = "as the model says"
    assert prepared.state.isPrepared


def test_a_failed_step_is_one_sentence_and_nothing_runs_any_more(work: Work) -> None:
    work.client.failure = "The disk is full."
    work.logic.guarded(work.logic.start)()
    assert (work.state.message.text, work.state.message.kind) == ("The disk is full.", "failure")
    assert work.state.running is None
    assert work.state.canStart


def test_a_mistake_in_an_answer_is_said_and_nothing_runs_any_more(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        message = "broken"
        raise KeyError(message)

    monkeypatch.setattr(work.logic, "_prepared", broken)
    work.logic.guarded(lambda: work.logic.start(waitForCompletion=True))()
    assert "broken" in work.state.message.text
    # What was prepared is there, so its work is taken up.
    work.logic.requests.wait()
    assert work.state.running is None
    assert any("KeyError" in line for line in work.log)


def test_a_message_of_other_images_does_not_stay(prepared: Work) -> None:
    assert prepared.state.message.text
    prepared.choose_tiny_patient("other", seed=2)
    assert prepared.state.message.text == ""


def test_answers_of_a_closed_scene_are_for_nobody(work: Work) -> None:
    answers = []
    kept = {}
    work.client.request = lambda verb, arguments, **options: kept.update(options)
    work.logic.requests.ask("Preparing", "prepare", {}, answers.append)
    work.logic.requests.leaveScene()
    kept["onResult"]({})
    kept["onError"]("too late")
    assert answers == []
    assert work.state.message.text == ""


def test_several_changes_draw_the_panel_once(work: Work) -> None:
    import slicer

    def settle() -> None:
        # The voxels of each of the six images are read in a turn of their own.
        for _turn in range(20):
            slicer.app.processEvents()

    settle()
    drawn = []
    work.logic.stateChanged.connect(drawn.append)
    work.parameters.showOutlines = False
    work.parameters.sideBySide = False
    work.parameters.followupSecond = None
    settle()
    assert len(drawn) == 1
