"""The whole work through the widgets, on the sample case, with the worker in a process of its own."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from builders import detection_card
from panel_harness import OpenPanel
from panel_harness import start_standin
from patients import write_model_of
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.model.card import Pathway

PATIENCE_S = 120
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def application():
    return start_standin()


@pytest.fixture
def panel(application, tmp_path: Path):
    folder = tmp_path / "Łódź 日本"
    folder.mkdir()
    opened = OpenPanel(folder)
    yield opened
    opened.close()


def _finish(panel: OpenPanel, application) -> int:
    """Wait for the worker; returns how often Slicer could have drawn itself meanwhile."""
    turns, end = 0, time.monotonic() + PATIENCE_S
    while panel.tuning.isBusy and time.monotonic() < end:
        application.processEvents()
        turns += 1
    assert not panel.tuning.isBusy
    return turns


def test_from_the_sample_case_to_a_reloaded_scene(panel: OpenPanel, application) -> None:
    from Standin.application import loadScene
    from Standin.application import saveScene
    from Standin.pictures import SliceView

    ui = panel.ui
    ui.sampleButton.click()
    assert ui.problemsLabel.text == "Both examinations are complete."
    panel.parameters.model = str(write_tiny_model(panel.folder / "model", lesion_bias=-1.5))
    panel.parameters.caseFolder = str(panel.folder / "case")

    ui.prepareButton.click()
    assert ui.prepareButton.text == "Cancel"
    assert _finish(panel, application) > 100
    assert ui.sliceTable.rowCount == 2

    position = int(re.search(r"slice (\d+)", ui.sliceTable.item(0, 1).text())[1])
    panel.draw(position)
    assert ui.sliceTable.item(0, 4).text() == "in progress"
    ui.correctedButton.click()
    drawn = panel.tuning.corrections().labels()
    view = SliceView("Red", (300, 300))
    view.fit()
    assert np.ptp(view.image()) > 200

    ui.iterationsSpinBox.setValue(50)
    panel.parameters.repetitions = 3
    ui.tuneButton.click()
    _finish(panel, application)
    assert ui.statusLabel.text == "Done."
    assert ui.resultSelector.count == 2
    assert ui.lesionTable.rowCount > 0
    assert np.array_equal(panel.tuning.corrections().labels(), drawn)

    shown = ui.resultLabel.text
    saveScene(panel.folder / "work.mrml")
    loadScene(panel.folder / "work.mrml")
    assert ui.resultLabel.text == shown
    assert panel.parameters.correctedSlices == [position]
    assert np.array_equal(panel.tuning.corrections().labels(), drawn)


def test_the_liver_sample_case_from_phases_to_marked_metastases(panel: OpenPanel, application) -> None:
    import slicer
    from PatientSpecificTuningLib.engine.cohort.sample_cases import sample_folder

    card = detection_card(pathways=(Pathway("DCE", 16), Pathway("DWI", 3)), registration="none")
    panel.parameters.model = str(write_model_of(card, panel.folder / "model", lesion_bias=-1.0))
    ui = panel.ui
    ui.sampleButton.click()
    panel.parameters.baselineLesions = slicer.util.loadLabelVolume(
        str(sample_folder("liver") / "baseline_lesions.nii.gz")
    )
    assert ui.problemsLabel.text == "Both examinations are complete."
    panel.parameters.caseFolder = str(panel.folder / "case")

    ui.prepareButton.click()
    _finish(panel, application)
    assert (ui.correctChannelSlider.maximum, ui.correctChannelSlider.value) == (16, 9)
    ui.correctChannelSlider.value = 1
    assert panel.tuning.shownVolume("baseline").GetName() == "Baseline DCE, volume 1"

    lesion_slices = panel.tuning.corrections().labels().any(axis=(1, 2)).sum()
    assert ui.sliceTable.rowCount == lesion_slices
    ui.correctedButton.click()
    ui.iterationsSpinBox.setValue(50)
    panel.parameters.repetitions = 2
    ui.tuneButton.click()
    _finish(panel, application)
    assert ui.statusLabel.text == "Done."
    assert ui.detectionsCheckBox.isHidden()
    ui.evaluateButton.click()
    _finish(panel, application)
    assert "false positives" in ui.resultLabel.text
    assert not ui.detectionsCheckBox.isHidden()
    ui.detectionsCheckBox.setChecked(False)
    assert not panel.tuning.review()["detections"].GetDisplayNode().GetVisibility()


def test_cancelling_a_running_step_keeps_the_worker_and_leaves_nothing_half_written(
    panel: OpenPanel, application
) -> None:
    panel.choose_tiny_patient()
    panel.ui.prepareButton.click()
    _finish(panel, application)
    panel.ui.correctedButton.click()
    panel.parameters.iterations = 1000
    panel.ui.tuneButton.click()
    while not panel.ui.statusLabel.text.startswith("Fine-tuning"):
        application.processEvents()
    panel.ui.tuneButton.click()
    _finish(panel, application)
    assert "cancelled" in panel.ui.statusLabel.text
    assert panel.tuning.case().versions("tuned") == []
    assert not list((panel.folder / "case").rglob("*.partial*"))
    assert panel.ui.tuneButton.text == "Fine-tune and segment the follow-up"


def test_closing_the_scene_while_the_worker_runs_ends_the_step(panel: OpenPanel, application) -> None:
    import slicer

    panel.choose_tiny_patient()
    panel.ui.prepareButton.click()
    slicer.mrmlScene.Clear(0)
    _finish(panel, application)
    assert panel.ui.sliceTable.rowCount == 0


def test_a_worker_that_cannot_start_is_one_sentence(panel: OpenPanel, application) -> None:
    from PatientSpecificTuningLib.jobs.client import WorkerClient
    from PatientSpecificTuningLib.jobs.qt_process import QtProcess

    panel.tuning.client = WorkerClient(lambda: QtProcess("no-such-python"))
    panel.choose_tiny_patient()
    panel.ui.prepareButton.click()
    _finish(panel, application)
    assert panel.ui.statusLabel.text.startswith("The worker cannot be started (no-such-python")
    assert panel.ui.prepareButton.enabled


def test_quitting_leaves_no_process(application, tmp_path: Path) -> None:
    opened = OpenPanel(tmp_path)
    opened.choose_tiny_patient()
    opened.ui.prepareButton.click()
    application.processEvents()
    process = opened.tuning.client._process._process
    opened.close()
    assert int(process.state().value) == 0
