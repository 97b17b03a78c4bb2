"""The panel with sequences of several volumes and a detection model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from panel_harness import DirectClient
from panel_harness import OpenPanel
from panel_harness import start_standin

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def application():
    return start_standin()


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[OpenPanel]:
    opened = OpenPanel(tmp_path, DirectClient())
    opened.choose_tiny_liver()
    yield opened
    opened.close()


@pytest.fixture
def prepared(panel: OpenPanel) -> OpenPanel:
    panel.ui.prepareButton.click()
    return panel


@pytest.fixture
def segmented(prepared: OpenPanel) -> OpenPanel:
    prepared.parameters.repetitions = 2
    prepared.ui.iterationsSpinBox.setValue(50)
    prepared.ui.correctedButton.click()
    prepared.ui.tuneButton.click()
    return prepared


def test_sequences_of_several_volumes_are_complete_input(panel: OpenPanel) -> None:
    assert panel.ui.problemsLabel.text == "Both examinations are complete."


def test_the_selectors_are_named_as_the_model_names_its_images(panel: OpenPanel) -> None:
    labels = [getattr(panel.ui, f"followup{part}Label").text for part in ("First", "Second", "Mask")]
    assert labels == ["DCE:", "DWI:", "Liver mask:"]
    panel.parameters.model = ""
    assert panel.ui.baselineSecondLabel.text == "T1:"


def test_a_series_with_another_number_of_phases_is_said(panel: OpenPanel) -> None:
    panel.parameters.baselineFirst = panel.parameters.baselineSecond
    assert "3 volume(s) but the model needs 4" in panel.ui.problemsLabel.text


def test_a_missing_liver_mask_is_said(panel: OpenPanel) -> None:
    panel.parameters.followupMask = None
    assert "Choose the liver mask of the follow-up" in panel.ui.problemsLabel.text


def test_the_slider_appears_for_a_series_alone_and_begins_at_the_key_channel(panel: OpenPanel) -> None:
    panel.ui.correctSection.collapsed = False
    assert not panel.ui.correctChannelRow.isHidden()
    assert panel.ui.correctChannelSlider.value == 3
    assert (panel.ui.reviewChannelSlider.minimum, panel.ui.reviewChannelSlider.maximum) == (1, 4)
    panel.parameters.baselineFirst = None
    assert panel.ui.correctChannelRow.isHidden()


def test_the_slider_changes_the_phase_that_the_views_show(prepared: OpenPanel) -> None:
    import slicer

    shown = prepared.tuning.shownVolume("baseline")
    before = slicer.util.arrayFromVolume(shown).copy()
    prepared.ui.correctChannelSlider.value = 1
    assert prepared.tuning.shownVolume("baseline") is shown
    assert shown.GetName() == "baseline DCE, volume 1"
    phases = prepared.parameters.baselineFirst
    first = slicer.util.arrayFromVolume(phases.GetNthDataNode(0))
    assert np.array_equal(slicer.util.arrayFromVolume(shown), first)
    assert not np.array_equal(before, first)
    composite = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    assert composite.GetBackgroundVolumeID() == shown.GetID()


def test_registration_and_motion_correction_are_the_model_s_unless_chosen(prepared: OpenPanel) -> None:
    ui, client = prepared.ui, prepared.tuning.client
    assert not ui.motionSelector.isHidden()
    ui.registrationSelector.setCurrentText("rigid")
    ui.motionSelector.setCurrentText("none")
    ui.prepareButton.click()
    asked = [arguments for verb, arguments in client.requests if verb == "prepare"]
    chosen = [(arguments["registration"], arguments["motion_correction"]) for arguments in asked]
    assert chosen == [(None, None), ("rigid", "none")]


def test_a_model_of_single_volumes_has_no_motion_to_correct(panel: OpenPanel) -> None:
    panel.parameters.model = ""
    assert panel.ui.motionSelector.isHidden()
    assert panel.ui.motionLabel.isHidden()


def test_every_lesion_slice_is_proposed_where_the_model_needs_all(prepared: OpenPanel) -> None:
    proposals = prepared.tuning.proposedSlices()
    assert len(proposals) > 2
    assert all(proposal.lesion_area_voxels > 0 for proposal in proposals)
    prepared.parameters.proposedSlices = 1
    assert len(prepared.tuning.proposedSlices()) == 1


def test_found_missed_and_false_lesions_are_marked_where_known_lesions_are_chosen(
    segmented: OpenPanel,
) -> None:
    assert segmented.ui.evaluateButton.enabled
    segmented.ui.evaluateButton.click()
    assert "Against the known lesions: Dice" in segmented.ui.resultLabel.text
    assert "TPR" in segmented.ui.resultLabel.text
    node = segmented.tuning.review()["detections"]
    segmentation = node.GetSegmentation()
    names = [segmentation.GetNthSegment(i).GetName() for i in range(segmentation.GetNumberOfSegments())]
    assert names == ["found", "missed", "false"]
    assert node.GetDisplayNode().GetVisibility()


def test_without_known_lesions_there_is_nothing_to_compare_with(segmented: OpenPanel) -> None:
    segmented.parameters.followupLesions = None
    segmented.widget.panel.review.update()
    assert not segmented.ui.evaluateButton.enabled
    assert "detections" not in segmented.tuning.review()


def _load_phases(panel: OpenPanel) -> None:
    """The phases and b-values of the follow-up one by one, as they come out of a folder of single files."""
    import slicer

    for field, title in (("First", "DCE"), ("Second", "DWI")):
        series = getattr(panel.parameters, f"followup{field}")
        for i in reversed(range(series.GetNumberOfDataNodes())):
            volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
            volume.CopyContent(series.GetNthDataNode(i))
            volume.SetName(f"{title} {i + 8}")
        setattr(panel.parameters, f"followup{field}", None)
        slicer.mrmlScene.RemoveNode(series)


def _choose_target(panel: OpenPanel, title: str) -> list:
    panel.ui.seriesButton.collapsed = False
    panel.ui.seriesTargetSelector.setCurrentText(title)
    table = panel.ui.seriesTable
    return [table.cellWidget(row, 1) for row in range(table.rowCount)]


def test_volumes_that_were_loaded_one_by_one_become_a_series_in_the_order_of_their_names(
    panel: OpenPanel,
) -> None:
    import slicer

    last = slicer.util.arrayFromVolume(panel.parameters.followupFirst.GetNthDataNode(3)).copy()
    _load_phases(panel)
    selectors = _choose_target(panel, "Follow-up DCE")
    names = [selector.currentText for selector in selectors]
    assert names == ["DCE 8", "DCE 9", "DCE 10", "DCE 11"]
    panel.ui.makeSeriesButton.click()
    made = panel.parameters.followupFirst
    assert (made.GetName(), made.GetNumberOfDataNodes()) == ("Follow-up DCE", 4)
    assert np.array_equal(slicer.util.arrayFromVolume(made.GetNthDataNode(3)), last)
    assert panel.ui.problemsLabel.text.endswith("Choose the DWI of the follow-up.")
    selectors = _choose_target(panel, "Follow-up DWI")
    assert [selector.currentText for selector in selectors] == ["DWI 8", "DWI 9", "DWI 10"]


def test_a_series_with_fewer_phases_is_spread_over_those_of_the_model(panel: OpenPanel) -> None:
    panel.parameters.baselineFirst = panel.parameters.baselineSecond
    assert "3 volume(s) but the model needs 4" in panel.ui.problemsLabel.text
    selectors = _choose_target(panel, "Baseline DCE")
    assert [selector.currentIndex for selector in selectors] == [0, 0, 1, 2]
    selectors[1].setCurrentIndex(1)
    panel.ui.makeSeriesButton.click()
    assert panel.ui.problemsLabel.text == "Both examinations are complete."


def test_a_model_of_single_volumes_needs_no_series(panel: OpenPanel) -> None:
    panel.parameters.model = ""
    assert panel.ui.seriesButton.isHidden()


def test_volumes_of_different_sizes_make_no_series(panel: OpenPanel) -> None:
    import slicer

    _load_phases(panel)
    odd = slicer.mrmlScene.GetFirstNodeByName("DCE 9")
    slicer.util.updateVolumeFromArray(odd, slicer.util.arrayFromVolume(odd)[:-1].copy())
    _choose_target(panel, "Follow-up DCE")
    panel.ui.makeSeriesButton.click()
    assert "DCE 9 has another size than DCE 8" in panel.ui.statusLabel.text
    assert panel.parameters.followupFirst is None
