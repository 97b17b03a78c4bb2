"""The panel in a strict stand-in of Slicer: real nodes, real buttons, the worker's verbs run in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import PACKAGE_ROOT
from panel_harness import DirectClient
from panel_harness import OpenPanel
from panel_harness import start_standin

UI_FILE = PACKAGE_ROOT / "Resources" / "UI" / "PatientSpecificTuning.ui"


@pytest.fixture(scope="module", autouse=True)
def application():
    return start_standin()


@pytest.fixture
def client() -> DirectClient:
    return DirectClient()


@pytest.fixture
def panel(tmp_path: Path, client: DirectClient) -> Iterator[OpenPanel]:
    folder = tmp_path / "Łódź données 日本"
    folder.mkdir()
    opened = OpenPanel(folder, client)
    yield opened
    opened.close()


@pytest.fixture
def prepared(panel: OpenPanel) -> OpenPanel:
    panel.choose_tiny_patient()
    panel.ui.prepareButton.click()
    return panel


@pytest.fixture
def segmented(prepared: OpenPanel) -> OpenPanel:
    prepared.parameters.repetitions = 2
    for _ in range(2):
        prepared.ui.correctedButton.click()
        prepared.ui.nextButton.click()
    prepared.ui.iterationsSpinBox.setValue(50)
    prepared.ui.tuneButton.click()
    return prepared


def _drawn(panel: OpenPanel) -> bytes:
    return panel.tuning.corrections().labels().tobytes()


# What is chosen -------------------------------------------------------------------------------------------------


def test_an_empty_panel_says_what_to_choose_first(panel: OpenPanel) -> None:
    assert "Choose the FLAIR of the baseline." in panel.ui.problemsLabel.text
    assert not panel.ui.prepareButton.enabled
    assert "Choose the FLAIR" in panel.ui.prepareButton.toolTip
    assert not panel.ui.tuneButton.enabled


def test_a_complete_patient_can_be_prepared(panel: OpenPanel) -> None:
    panel.choose_tiny_patient()
    assert panel.ui.problemsLabel.text == "Both examinations are complete."
    assert panel.ui.prepareButton.enabled


def test_the_same_volume_twice_is_said(panel: OpenPanel) -> None:
    panel.choose_tiny_patient()
    panel.parameters.followupFirst = panel.parameters.baselineFirst
    assert "Baseline and follow-up are the same volume" in panel.ui.problemsLabel.text


def test_a_mask_elsewhere_is_said(panel: OpenPanel) -> None:
    panel.choose_tiny_patient()
    panel.parameters.baselineMask.SetOrigin(500, 0, 0)
    panel.parameters.baselineMask.Modified()
    panel.widget.panel.update()
    assert "marks nothing on baseline FLAIR" in panel.ui.problemsLabel.text


def test_a_second_sequence_elsewhere_is_said(panel: OpenPanel) -> None:
    panel.choose_tiny_patient()
    panel.parameters.followupSecond.SetOrigin(500, 0, 0)
    panel.widget.panel.update()
    assert "The follow-up T1 lies outside followup FLAIR" in panel.ui.problemsLabel.text


def test_a_transform_that_is_not_linear_is_said(panel: OpenPanel) -> None:
    import slicer
    import vtk

    panel.choose_tiny_patient()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    warp = vtk.vtkThinPlateSplineTransform()
    node.SetAndObserveTransformToParent(warp)
    panel.parameters.baselineFirst.SetAndObserveTransformNodeID(node.GetID())
    panel.widget.panel.update()
    assert "harden the transform first" in panel.ui.problemsLabel.text


def test_a_linear_transform_moves_what_the_worker_reads(panel: OpenPanel) -> None:
    import slicer
    import vtk
    from PatientSpecificTuningLib.panel.node_images import gridOf

    panel.choose_tiny_patient()
    volume = panel.parameters.baselineFirst
    before = np.array(gridOf(volume).origin)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 7)
    matrix.SetElement(2, 3, -4)
    node.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(node.GetID())
    # RAS to LPS turns the first axis around.
    assert np.array(gridOf(volume).origin) - before == pytest.approx([-7, 0, -4])


def test_a_cropped_segmentation_serves_as_a_mask(panel: OpenPanel) -> None:
    import slicer
    from PatientSpecificTuningLib.panel.node_images import gridOf
    from PatientSpecificTuningLib.panel.node_images import labelImage

    panel.choose_tiny_patient()
    volume = panel.parameters.baselineFirst
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    identifier = segmentation.GetSegmentation().AddEmptySegment("", "brain")
    array = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    array[1:3, 10:30, 12:40] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, segmentation, identifier, volume)
    import SimpleITK as sitk

    assert np.array_equal(sitk.GetArrayFromImage(labelImage(segmentation, gridOf(volume))), array)


def test_a_missing_t1_is_accepted_where_the_model_can_do_without(
    panel: OpenPanel, client: DirectClient
) -> None:
    panel.choose_tiny_patient()
    panel.parameters.baselineSecond = None
    panel.ui.prepareButton.click()
    [asked] = [arguments for verb, arguments in client.requests if verb == "prepare"]
    assert asked["missing_sequence"] == "zero"
    assert "without T1" in panel.ui.prepareLabel.text


# Prepare --------------------------------------------------------------------------------------------------------


def test_preparing_proposes_slices_and_opens_the_editor(prepared: OpenPanel) -> None:
    assert prepared.ui.sliceTable.rowCount == 2
    assert not prepared.ui.correctSection.collapsed
    editor = prepared.ui.segmentEditor
    assert editor.segmentationNode() is prepared.parameters.corrections
    assert editor.currentSegmentID() == prepared.tuning.corrections().segmentId


def test_the_device_is_shown(prepared: OpenPanel) -> None:
    assert prepared.ui.deviceLabel.text.startswith("The CNN runs on: CPU")


def test_preparing_again_does_nothing_twice(prepared: OpenPanel) -> None:
    features = prepared.folder / "case" / "baseline" / "features.npy"
    before = features.stat().st_mtime_ns
    prepared.ui.prepareButton.click()
    assert features.stat().st_mtime_ns == before


def test_preparation_starts_by_itself_where_that_is_wanted(panel: OpenPanel, client: DirectClient) -> None:
    panel.ui.automaticCheckBox.setChecked(True)
    panel.choose_tiny_patient()
    assert "prepare" in [verb for verb, _arguments in client.requests]


def test_without_a_case_folder_one_is_chosen_by_the_content(panel: OpenPanel) -> None:
    import qt

    qt.QSettings().setValue("PatientSpecificTuning/CasesFolder", str(panel.folder / "cases"))
    panel.choose_tiny_patient()
    names = []
    for _ in range(2):
        panel.parameters.caseFolder = ""
        panel.ui.prepareButton.click()
        names.append(panel.parameters.caseFolder)
    assert names[0] == names[1]
    assert Path(names[0]).parent == panel.folder / "cases"


def test_other_images_leave_an_automatic_case_folder_and_the_first_ones_find_it_again(
    panel: OpenPanel,
) -> None:
    import qt

    qt.QSettings().setValue("PatientSpecificTuning/CasesFolder", str(panel.folder / "cases"))
    parameters, ui = panel.parameters, panel.ui
    panel.choose_tiny_patient("another", seed=7)
    other = parameters.followupFirst
    panel.choose_tiny_patient()
    parameters.caseFolder = ""
    ui.prepareButton.click()
    ui.correctedButton.click()
    first, followup = parameters.caseFolder, parameters.followupFirst
    parameters.followupFirst = other
    assert parameters.caseFolder == ""
    assert not ui.tuneButton.enabled
    assert ui.sliceTable.rowCount == 0
    ui.prepareButton.click()
    assert parameters.caseFolder not in ("", first)
    assert ui.tuneButton.enabled
    parameters.followupFirst = followup
    ui.prepareButton.click()
    assert parameters.caseFolder == first


def test_a_case_folder_that_was_chosen_by_hand_is_never_left(prepared: OpenPanel) -> None:
    folder = prepared.parameters.caseFolder
    prepared.parameters.followupFirst = prepared.parameters.followupSecond
    assert prepared.parameters.caseFolder == folder


# Correct --------------------------------------------------------------------------------------------------------


def test_a_click_on_a_slice_brings_all_views_there(prepared: OpenPanel) -> None:
    import slicer
    from PatientSpecificTuningLib.panel.views import shownPlace
    from PatientSpecificTuningLib.panel.views import sliceAt

    grid = prepared.tuning.case().record("baseline").working_grid
    for row in range(2):
        prepared.ui.sliceTable.setCurrentCell(row, 0)
        wanted = int(re.search(r"slice (\d+)", prepared.ui.sliceTable.item(row, 1).text())[1])
        assert sliceAt(grid, shownPlace("Red")) == wanted
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeRed").GetBackgroundVolumeID()


def test_a_slice_is_untouched_then_in_progress_then_corrected(prepared: OpenPanel) -> None:
    table = prepared.ui.sliceTable
    position = int(re.search(r"slice (\d+)", table.item(0, 1).text())[1])
    assert table.item(0, 4).text() == "untouched"
    prepared.draw(position)
    assert table.item(0, 4).text() == "in progress"
    prepared.ui.correctedButton.click()
    assert table.item(0, 4).text() == "corrected"
    assert "1 slice is corrected" in prepared.ui.correctLabel.text
    prepared.ui.correctedButton.click()
    assert table.item(0, 4).text() == "in progress"


def test_next_and_previous_go_round(prepared: OpenPanel) -> None:
    rows = []
    for button in (prepared.ui.nextButton, prepared.ui.nextButton, prepared.ui.previousButton):
        button.click()
        rows.append(prepared.ui.sliceTable.currentRow())
    assert rows == [1, 0, 1]


def test_the_shown_slice_can_be_added(prepared: OpenPanel) -> None:
    from PatientSpecificTuningLib.panel.views import jumpTo
    from PatientSpecificTuningLib.panel.views import sliceCentre

    shown = {int(re.search(r"slice (\d+)", prepared.ui.sliceTable.item(r, 1).text())[1]) for r in range(2)}
    other = next(i for i in range(4) if i not in shown)
    jumpTo(sliceCentre(prepared.tuning.case().record("baseline").working_grid, other))
    prepared.ui.addSliceButton.click()
    assert prepared.ui.sliceTable.rowCount == 3
    assert f"slice {other}" in prepared.ui.sliceTable.item(2, 1).text()
    assert prepared.ui.sliceTable.currentRow() == 2


def test_known_lesions_start_the_correction(panel: OpenPanel) -> None:
    import slicer

    panel.choose_tiny_patient()
    known = slicer.util.loadLabelVolume(str(panel.folder / "patient" / "baseline_lesion_mask.nii.gz"))
    panel.parameters.baselineLesions = known
    panel.ui.prepareButton.click()
    assert panel.tuning.corrections().labels().sum() == slicer.util.arrayFromVolume(known).sum()


# What the user drew is sacred ------------------------------------------------------------------------------------


def test_no_step_of_the_program_writes_to_what_was_drawn(prepared: OpenPanel, client: DirectClient) -> None:
    prepared.draw(1)
    drawn = _drawn(prepared)
    prepared.ui.prepareButton.click()
    prepared.ui.sliceCountSpinBox.setValue(4)
    prepared.ui.correctedButton.click()
    prepared.ui.iterationsSpinBox.setValue(50)
    prepared.ui.tuneButton.click()
    client.failure = "Not this time."
    prepared.ui.tuneButton.click()
    assert prepared.ui.statusLabel.text == "Not this time."
    assert _drawn(prepared) == drawn


def test_tuning_learns_from_the_corrected_slices_alone(segmented: OpenPanel, client: DirectClient) -> None:
    [annotated] = [arguments for verb, arguments in client.requests if verb == "annotate"]
    assert annotated["slices"] == sorted(segmented.parameters.correctedSlices)


# Review ---------------------------------------------------------------------------------------------------------


def test_both_cnns_are_shown_and_the_tuned_one_is_chosen(segmented: OpenPanel) -> None:
    selector = segmented.ui.resultSelector
    titles = [selector.itemText(i) for i in range(selector.count)]
    assert "patient-specific CNN 0001" in titles[0]
    assert "base CNN" in titles[1]
    assert selector.currentIndex == 0


def test_a_version_says_how_it_was_made(segmented: OpenPanel) -> None:
    how = "Tuned on 2 slice(s), 50 iterations, weighting none, rotation 45\u00b0, seed 0."
    assert segmented.ui.resultLabel.text.endswith(how)
    segmented.parameters.weighting = "segmentation"
    segmented.ui.tuneButton.click()
    assert "weighting segmentation" in segmented.ui.resultLabel.text


def test_overlays_follow_their_check_boxes(segmented: OpenPanel) -> None:
    import slicer
    from PatientSpecificTuningLib.panel import result_nodes

    roles = {node.GetAttribute(result_nodes.ROLE): node for node in result_nodes.resultNodes()}
    assert {"lesions", "outlines", "compared", "uncertainty"} <= set(roles)
    assert roles["compared"].GetDisplayNode().GetVisibility()
    segmented.ui.comparedOutlinesCheckBox.setChecked(False)
    assert not roles["compared"].GetDisplayNode().GetVisibility()
    assert roles["outlines"].GetDisplayNode().GetVisibility()
    composite = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    assert composite.GetForegroundVolumeID() == roles["uncertainty"].GetID()
    segmented.ui.uncertaintyCheckBox.setChecked(False)
    assert not composite.GetForegroundVolumeID()


def test_another_patient_in_the_scene_begins_with_nothing_corrected_and_the_first_is_found_again(
    segmented: OpenPanel,
) -> None:
    import slicer

    parameters = segmented.parameters
    first, drawn, marked = segmented.tuning.corrections().node, _drawn(segmented), parameters.correctedSlices
    segmented.choose_tiny_patient("another", "another case", seed=7)
    segmented.ui.prepareButton.click()
    assert segmented.tuning.corrections().node is not first
    assert parameters.correctedSlices == []
    assert not segmented.ui.tuneButton.enabled
    assert segmented.ui.resultSelector.count == 0
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert [n for n in nodes if n.GetDisplayNode().GetVisibility()] == [segmented.tuning.corrections().node]
    parameters.caseFolder = str(segmented.folder / "case")
    assert segmented.tuning.corrections().node is first
    assert _drawn(segmented) == drawn
    assert parameters.correctedSlices == marked


def test_a_case_folder_of_another_patient_is_not_tuned_on_these_corrections(segmented: OpenPanel) -> None:
    elsewhere = segmented.folder / "case"
    segmented.choose_tiny_patient("another", "another case", seed=7)
    segmented.ui.prepareButton.click()
    segmented.ui.correctedButton.click()
    segmented.tuning.markCorrected(list(range(4)))
    segmented.parameters.caseFolder = str(elsewhere)
    segmented.tuning.tune()
    assert len(segmented.parameters.correctedSlices) == 2


def test_a_case_folder_without_its_images_asks_for_them(prepared: OpenPanel) -> None:
    import slicer

    folder = prepared.parameters.caseFolder
    slicer.mrmlScene.Clear(0)
    prepared.parameters.model = str(prepared.folder / "model")
    prepared.parameters.caseFolder = folder
    prepared.widget.panel.update()
    assert "Choose the baseline of this case" in prepared.ui.statusLabel.text


def test_the_same_work_once_more_makes_no_other_version(segmented: OpenPanel) -> None:
    count = segmented.ui.resultSelector.count
    segmented.ui.tuneButton.click()
    assert segmented.ui.resultSelector.count == count


def test_any_version_can_be_compared_with_any_other(segmented: OpenPanel) -> None:
    from PatientSpecificTuningLib.panel import result_nodes
    from Standin.pythonqt import unwrap

    assert segmented.tuning.review()["compared"].GetName() == "Base CNN"
    segmented.ui.iterationsSpinBox.setValue(60)
    segmented.ui.tuneButton.click()
    selector = segmented.ui.comparedSelector
    titles = [selector.itemText(i) for i in range(selector.count)]
    assert [title.split(",")[0].split(": ")[1] for title in titles] == [
        "patient-specific CNN 0001",
        "base CNN",
    ]
    assert selector.currentIndex == 1
    unwrap(selector).activated.emit(0)
    nodes = segmented.tuning.review()
    assert [nodes[role].GetName()[-1] for role in ("outlines", "compared")] == ["2", "1"]
    visible = [n for n in result_nodes.resultNodes() if n.IsA("vtkMRMLSegmentationNode")]
    visible = [n for n in visible if n.GetDisplayNode().GetVisibility()]
    assert set(visible) == {nodes["outlines"], nodes["compared"]}


def test_results_lie_on_the_follow_up(segmented: OpenPanel) -> None:
    from PatientSpecificTuningLib.panel import result_nodes
    from PatientSpecificTuningLib.panel.node_images import gridOf

    shown = segmented.tuning.shownResult()
    volume = segmented.parameters.followupFirst
    assert gridOf(result_nodes.lesionLabelmap(shown, volume)).same_as(gridOf(volume))


def test_baseline_and_follow_up_stand_side_by_side_and_the_layout_comes_back(segmented: OpenPanel) -> None:
    import slicer

    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    before = layout.GetViewArrangement()
    segmented.ui.compareButton.click()
    composites = [slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceCompositeNode{v}") for v in ("Red", "Yellow")]
    parameters = segmented.parameters
    assert layout.GetViewArrangement() != before
    assert composites[0].GetBackgroundVolumeID() == parameters.baselineFirst.GetID()
    assert composites[1].GetBackgroundVolumeID() == parameters.followupFirst.GetID()
    assert all(composite.GetLinkedControl() for composite in composites)
    segmented.ui.compareButton.click()
    assert layout.GetViewArrangement() == before


@pytest.mark.parametrize("name", ["lesions.nii.gz", "lesions.nrrd", "lesions.seg.nrrd"])
def test_lesions_are_exported_in_each_format(segmented: OpenPanel, name: str) -> None:
    import qt
    from PatientSpecificTuningLib.engine.images.volumes import read_labelmap

    path = segmented.folder / name
    qt.QFileDialog.chosen = str(path)
    segmented.ui.exportLabelmapButton.click()
    read_labelmap(path, "export")


def test_the_lesion_table_is_exported_and_sorts_by_number(segmented: OpenPanel) -> None:
    import qt

    qt.QFileDialog.chosen = str(segmented.folder / "table.csv")
    segmented.ui.exportTableButton.click()
    lines = (segmented.folder / "table.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == segmented.ui.lesionTable.rowCount > 0


def test_a_removed_version_is_gone_from_folder_list_and_scene(segmented: OpenPanel) -> None:
    from PatientSpecificTuningLib.panel import result_nodes

    run = result_nodes.runOf(segmented.tuning.shownResult())
    segmented.ui.removeResultButton.click()
    assert not Path(run).exists()
    assert segmented.ui.resultSelector.count == 1
    assert run not in {node.GetAttribute(result_nodes.RUN) for node in result_nodes.resultNodes()}


def test_uncertainty_colours_rise_evenly_in_lightness() -> None:
    from PatientSpecificTuningLib.panel.uncertainty_colors import uncertaintyColors

    colors = uncertaintyColors()
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = 116 * np.cbrt(np.maximum(luminance, 0.008856)) - 16
    assert (np.diff(lightness) > 0).all()
    assert np.ptp(np.diff(lightness)) < 0.5


# Life of the module ---------------------------------------------------------------------------------------------


def test_saving_and_loading_the_scene_restores_the_work(segmented: OpenPanel) -> None:
    from Standin.application import loadScene
    from Standin.application import saveScene

    before = _drawn(segmented), segmented.ui.resultLabel.text, list(segmented.parameters.correctedSlices)
    saveScene(segmented.folder / "work.mrml")
    loadScene(segmented.folder / "work.mrml")
    after = _drawn(segmented), segmented.ui.resultLabel.text, list(segmented.parameters.correctedSlices)
    assert after == before
    assert segmented.ui.sliceTable.rowCount == 2


def test_closing_the_scene_stops_the_work_and_empties_the_panel(
    prepared: OpenPanel, client: DirectClient
) -> None:
    import slicer

    slicer.mrmlScene.Clear(0)
    assert client.cancelled == 1
    assert prepared.ui.sliceTable.rowCount == 0
    assert "Choose the FLAIR" in prepared.ui.problemsLabel.text


def test_leaving_the_module_takes_its_keys_along(prepared: OpenPanel) -> None:
    editor = prepared.ui.segmentEditor._object
    prepared.widget.enter()
    assert editor.keys
    prepared.widget.exit()
    assert not editor.keys
    assert not editor.observed


def test_quitting_stops_the_worker(tmp_path: Path, client: DirectClient) -> None:
    panel = OpenPanel(tmp_path, client)
    panel.close()
    assert client.stopped == 1


def test_the_console_example_of_the_readme_runs(
    panel: OpenPanel, client: DirectClient, repository: Path, monkeypatch, capsys
) -> None:
    import slicer
    from PatientSpecificTuningLib.panel import worker_process

    panel.choose_tiny_patient()
    for name, title in (("baseline", "Baseline"), ("followup", "Follow-up")):
        for sequence in ("FLAIR", "T1"):
            slicer.util.getNode(f"{name} {sequence}").SetName(f"{title} {sequence}")
    monkeypatch.setattr(worker_process, "workerClient", lambda: client)
    panel.parameters.iterations = 50
    text = (repository / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(from PatientSpecificTuning import.*?)```", text, re.DOTALL)
    exec(example[1], {"slicer": slicer})
    assert "'lesions'" in capsys.readouterr().out


# The files ------------------------------------------------------------------------------------------------------


def test_every_parameter_name_of_the_ui_file_is_a_field_and_every_setting_has_a_widget() -> None:
    from PatientSpecificTuningLib.panel.parameters import PanelParameters

    tree = ElementTree.parse(UI_FILE)
    named = {p.findtext("string") for p in tree.iter("property") if p.get("name") == "SlicerParameterName"}
    fields = set(PanelParameters.__annotations__)
    assert named <= fields
    assert fields - named == {
        "corrections",
        "model",
        "caseFolder",
        "correctedSlices",
        "addedSlices",
        "result",
        "comparedResult",
        "shownChannel",
    }


def test_every_widget_of_the_ui_file_has_a_name_of_its_own() -> None:
    names = [widget.get("name") for widget in ElementTree.parse(UI_FILE).iter("widget")]
    assert len(names) == len(set(names))


def test_no_text_to_translate_is_an_f_string() -> None:
    for path in (PACKAGE_ROOT / "PatientSpecificTuningLib" / "panel").glob("*.py"):
        assert not re.search(r"\b_\(f[\"']", path.read_text(encoding="utf-8")), path.name


# Ahead of the user ----------------------------------------------------------------------------------------------


def _verbs(client: DirectClient) -> list[str]:
    return [verb for verb, _arguments in client.requests]


def test_the_worker_is_started_once_the_first_volume_is_chosen(
    panel: OpenPanel, client: DirectClient
) -> None:
    assert client.requests == []
    panel.choose_tiny_patient()
    assert _verbs(client) == ["hello"]


def test_what_need_not_wait_for_corrections_is_done_while_slices_are_corrected(
    prepared: OpenPanel, client: DirectClient
) -> None:
    after = client.requests[_verbs(client).index("prepare") + 1 :]
    assert [verb for verb, _ in after] == ["segment", "prepare_tuning"]
    assert (after[0][1]["weights"], after[0][1]["repetitions"]) == ("base", 0)
    assert after[1][1]["slices"] == sorted(p.slice for p in prepared.tuning.proposedSlices())
    assert list((prepared.folder / "case" / "baseline" / "patches").glob("slice*.npy"))


def test_lesions_are_asked_for_before_their_uncertainty(segmented: OpenPanel, client: DirectClient) -> None:
    after = client.requests[_verbs(client).index("annotate") :]
    assert [verb for verb, _ in after] == ["annotate", "tune", "segment", "segment"]
    assert [arguments["repetitions"] for _, arguments in after[2:]] == [0, 2]
    assert segmented.tuning.shownResult().uncertainty is not None
    assert len(segmented.tuning.results()) == 2


def test_what_the_worker_says_stands_in_the_case_folder(prepared: OpenPanel, client: DirectClient) -> None:
    client.logged("a warning of some library: \u00e4")
    log = (prepared.folder / "case" / "worker.log").read_text(encoding="utf-8")
    assert log == "a warning of some library: \u00e4\n"
