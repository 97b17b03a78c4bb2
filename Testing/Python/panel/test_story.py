"""The whole work through the widgets, on tiny patients, with the worker in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from open_panel import OpenPanel
from panel_harness import start_standin

PATIENCE_S = 240


@pytest.fixture(scope="module")
def application():
    return start_standin()


@pytest.fixture
def panel(application, tmp_path: Path) -> Iterator[OpenPanel]:
    folder = tmp_path / "Łódź 日本"
    folder.mkdir()
    opened = OpenPanel(folder)
    yield opened
    opened.close()


def _wait_for(condition: Callable[[], object], application) -> int:
    """Let the application live until something is so; returns how often it could have drawn itself meanwhile."""
    turns, end = 0, time.monotonic() + PATIENCE_S
    while not (held := condition()) and time.monotonic() < end:
        application.processEvents()
        turns += 1
    # Asked once: what was so may pass again, as files do that work ahead writes.
    assert held
    return turns


def _finish(panel: OpenPanel, application) -> int:
    """Wait for what somebody waits for."""
    turns = _wait_for(lambda: panel.state.running is None or panel.state.running.isAhead, application)
    panel.settle()
    return turns


def test_from_the_images_to_a_reloaded_scene(panel: OpenPanel, application) -> None:
    from Standin.application import loadScene
    from Standin.application import saveScene

    panel.press("sampleButton")
    assert panel.state.problems == ()
    panel.choose_tiny_patient()
    assert panel.state.problems == ()
    panel.press("startButton")
    assert panel.ui.cancelButton.enabled
    assert _finish(panel, application) > 100
    assert panel.state.isPrepared
    _wait_for(lambda: panel.state.review.versions, application)
    assert panel.state.review.versions[0].isBase

    panel.press("correctStepButton")
    position = panel.state.corrections.rows[0].slice
    panel.draw(position)
    assert panel.status(position) == "in progress"
    panel.logic.markCorrected([position])
    drawn = panel.drawn()
    panel.press("showResultButton")
    _finish(panel, application)
    assert panel.state.step == "result"
    assert len(panel.state.review.versions) == 2
    panel.ui.doubtfulButton.setChecked(True)
    assert panel.ui.lesionTable.rowCount == len(panel.state.review.rows) > 0
    assert np.array_equal(panel.drawn(), drawn)

    sentence = panel.state.review.sentence
    saveScene(panel.folder / "work.mrml")
    loadScene(panel.folder / "work.mrml")
    panel.settle()
    assert panel.state.review.sentence == sentence
    assert panel.state.corrections.learned == (position,)
    assert np.array_equal(panel.drawn(), drawn)
    panel.press("correctStepButton")
    assert [row for row in panel.state.corrections.rows if row.isShown]


def test_cancelling_a_running_step_keeps_the_worker_and_leaves_nothing_half_written(
    panel: OpenPanel, application
) -> None:
    panel.choose_tiny_patient()
    panel.press("startButton")
    _finish(panel, application)
    panel.logic.markCorrected([panel.state.corrections.rows[0].slice])
    panel.parameters.iterations = 1000
    panel.logic.tune()
    _wait_for(lambda: panel.state.running and panel.state.running.fraction, application)
    panel.logic.cancel()
    _finish(panel, application)
    assert [v for v in panel.state.review.versions if not v.isBase] == []
    # Work ahead, which nobody waits for, may still be making way.
    _wait_for(lambda: not list((panel.folder / "cases").rglob("*.partial*")), application)
    assert panel.state.canTune


def test_closing_the_scene_while_the_worker_runs_ends_the_step(panel: OpenPanel, application) -> None:
    import slicer

    panel.choose_tiny_patient()
    panel.press("startButton")
    slicer.mrmlScene.Clear(0)
    _finish(panel, application)
    assert not panel.state.isPrepared
    assert panel.state.corrections.rows == ()


def test_a_worker_that_cannot_start_is_one_sentence(application, tmp_path: Path) -> None:
    from PatientSpecificTuningLib.jobs.client import WorkerClient
    from PatientSpecificTuningLib.jobs.qt_process import QtProcess

    panel = OpenPanel(tmp_path, WorkerClient(lambda: QtProcess("no-such-python")))
    panel.choose_tiny_patient()
    panel.press("startButton")
    _finish(panel, application)
    assert panel.state.message.text.startswith("The worker cannot be started (no-such-python")
    assert panel.ui.startButton.enabled
    panel.close()


def test_quitting_leaves_no_process(application, tmp_path: Path) -> None:
    opened = OpenPanel(tmp_path)
    opened.choose_tiny_patient()
    opened.press("startButton")
    process = opened.logic.requests._client._process._process
    opened.close()
    assert int(process.state().value) == 0
