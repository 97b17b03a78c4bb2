"""The panel as a user has it: its widgets and its state by their public names. No other file of the story names them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import qt
import slicer

MODULE = "PatientSpecificTuning"
PATIENCE_S, SECONDS_TO_DRAW = 240, 20
SEQUENCES = {"First": "FLAIR", "Second": "T1"}
OVERLAYS = ("outlines", "compared", "uncertainty")


class StoryPanel:
    """Clicks, keys and choices in the panel, and what it shows."""

    def __init__(self) -> None:
        self._isWaiting = False
        slicer.util.selectModule(MODULE)
        self.pass_time(0.2)

    @property
    def _widget(self):
        # Asked for anew each time: reloading the module makes another one.
        return slicer.util.getModuleWidget(MODULE)

    @property
    def ui(self):
        """The widgets by their names in the .ui files."""
        return self._widget.ui

    @property
    def logic(self):
        """The commands, as the Python console has them."""
        return self._widget.logic.tuning

    @property
    def state(self):
        """What the panel shows and allows; who only waits for something does not make it look sooner."""
        return self.logic.shown if self._isWaiting else self.logic.state

    def worker_process_id(self) -> int:
        """Number of the worker's process, 0 where it does not run."""
        # No public name leads there: nobody but a test wants to know.
        process = self.logic.requests._client._process
        return process._process.processId() if process is not None else 0

    def end_worker(self) -> None:
        """End the worker; the next request starts another."""
        self.logic.requests._client.stop()

    # Waiting ----------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let the application live for a while, as it does between two clicks."""
        loop = qt.QEventLoop()
        qt.QTimer.singleShot(int(1000 * seconds), loop.quit)
        loop.exec_()

    def wait_for(self, condition, what: str, seconds: float = PATIENCE_S) -> None:
        """Let the application live until something is so.

        Raises:
            AssertionError: it never was; what the panel says instead is in the message.
        """
        watch = qt.QElapsedTimer()
        watch.start()
        self._isWaiting = True
        try:
            while not condition():
                if watch.elapsed() > 1000 * seconds:
                    message = f"{what}: not so after {seconds:.0f} s; the panel says {self.said()!r}"
                    raise AssertionError(message)
                self.pass_time(0.05)
        finally:
            self._isWaiting = False

    def wait_until_idle(self, seconds: float = PATIENCE_S) -> None:
        """Wait until nothing runs that somebody waits for, and its outcome is shown."""
        self.wait_for(lambda: not self.logic.requests.isBusy, "idle", seconds)
        self.wait_until_shown()

    def wait_until_shown(self) -> None:
        """Wait until the panel and the views show what is so, which they do in several turns of the event loop."""
        self.wait_for(lambda: self.logic.isSettled, "shown", SECONDS_TO_DRAW)
        self.pass_time(0.05)

    def wait_until_all_is_done(self, seconds: float = PATIENCE_S) -> None:
        """Wait until the worker has nothing to do at all, which is known when it rests for a moment."""
        quiet = 0

        def rests() -> bool:
            nonlocal quiet
            quiet = quiet + 1 if self.logic.requests.running is None else 0
            return quiet > 10

        self.wait_for(rests, "all is done", seconds)

    # What a user does -------------------------------------------------------------------------------------------

    def press(self, name: str) -> None:
        """Click a button that can be seen and clicked.

        Raises:
            AssertionError: it cannot.
        """
        button = self._ready(name)
        if not button.visible:
            message = f"{name} cannot be seen"
            raise AssertionError(message)
        button.click()

    def _ready(self, name: str):
        """A button, when it can be clicked: what changed a moment ago may still be read."""
        button = getattr(self.ui, name)
        what = f"{name} is enabled"
        self.wait_for(lambda: button.enabled, what, SECONDS_TO_DRAW)
        return button

    def click(self, name: str) -> None:
        """Click a button by mouse events, as a hand does: only what can be seen and is not covered is hit.

        Raises:
            AssertionError: something else is in the place of the button, or it cannot be clicked.
        """
        button = self._ready(name)
        middle = qt.QPoint(button.width // 2, button.height // 2)
        hit = slicer.app.widgetAt(button.mapToGlobal(middle))
        if hit != button or not button.enabled:
            message = f"a click on {name} meets {hit}; enabled {button.enabled}, says {button.toolTip!r}"
            raise AssertionError(message)
        kinds = qt.QEvent.MouseButtonPress, qt.QEvent.MouseButtonRelease
        for kind, held in zip(kinds, (qt.Qt.LeftButton, qt.Qt.NoButton), strict=True):
            event = qt.QMouseEvent(kind, qt.QPointF(middle), qt.Qt.LeftButton, held, qt.Qt.NoModifier)
            slicer.app.sendEvent(button, event)
        self.pass_time(0.05)

    def choose_effect(self, name: str) -> None:
        """Choose an effect of the editor by its button."""
        self.wait_until_shown()
        buttons = slicer.util.findChildren(self.ui.segmentEditor, className="QToolButton")
        shown = [button for button in buttons if button.text == name and button.visible]
        if len(shown) != 1:
            message = f"{len(shown)} buttons say {name}"
            raise AssertionError(message)
        shown[0].click()
        self.pass_time(0.1)

    def erase_over(self, places) -> None:
        """One stroke in the baseline's view, from the first to the last of some places and beyond, RAS mm (N, 3)."""
        view = slicer.app.layoutManager().sliceWidget(self.baseline_view())
        toXy = slicer.util.arrayFromVTKMatrix(view.sliceLogic().GetSliceNode().GetXYToRAS())
        homogeneous = [[*place, 1.0] for place in places]
        for place in homogeneous[:: max(1, len(homogeneous) // 20)]:
            x, y = (int(value) for value in np.linalg.solve(toXy, place)[:2])
            slicer.util.clickAndDrag(view, start=(x, y), end=(x + 1, y), steps=2)
        self.pass_time(0.4)

    def choose(self, examination: str, part: str, node) -> None:
        """Choose a node in a selector of step 1."""
        getattr(self.ui, f"{examination}{part}Selector").setCurrentNode(node)

    def chosen(self, examination: str, part: str):
        """What a selector of step 1 shows."""
        return getattr(self.ui, f"{examination}{part}Selector").currentNode()

    def go_to(self, step: str) -> None:
        """Show one of the steps scans, correct, result."""
        self.press(f"{step}StepButton")
        self.wait_until_shown()

    def key(self, text: str) -> None:
        """Press a key while the mouse is in the views."""
        self.wait_until_shown()
        for shortcut in slicer.util.mainWindow().findChildren(qt.QShortcut):
            if shortcut.key.toString().lower() == text.lower() and shortcut.enabled:
                shortcut.activated()
                self.pass_time(0.05)
                return
        message = f"no key {text!r} is bound"
        raise AssertionError(message)

    def paint(self, *, erase: bool = False) -> None:
        """One stroke of the brush across the middle of the baseline's view, by mouse events.

        Raises:
            AssertionError: what is corrected is hidden, so that Slicer would ask and wait for an answer.
        """
        self.wait_until_shown()
        corrections = slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)
        display = corrections.GetDisplayNode()
        if not (display.GetVisibility() and display.GetSegmentVisibility(self.state.corrections.segmentId)):
            seen = display.GetVisibility(), display.GetSegmentVisibility(self.state.corrections.segmentId)
            message = f"the corrections cannot be seen where they are painted (node, segment: {seen})"
            raise AssertionError(message)
        self.ui.segmentEditor.setActiveEffectByName("Erase" if erase else "Paint")
        self.pass_time(0.1)
        view = slicer.app.layoutManager().sliceWidget(self.baseline_view())
        width, height = view.sliceView().width, view.sliceView().height
        middle, reach = (width // 2, height // 2), min(width, height) // 8
        start, end = (middle[0] - reach, middle[1]), (middle[0] + reach, middle[1])
        slicer.util.clickAndDrag(view, start=start, end=end, steps=12)
        self.pass_time(0.5)

    def turn_wheel(self, notches: int) -> None:
        """Scroll through the baseline's view by as many notches of the mouse wheel, backwards where negative."""
        view = slicer.app.layoutManager().sliceWidget(self.baseline_view())
        interactor = view.interactorStyle().GetInteractor()
        interactor.SetEventPosition(view.sliceView().width // 2, view.sliceView().height // 2)
        interactor.EnterEvent()
        for _ in range(abs(notches)):
            if notches > 0:
                interactor.MouseWheelForwardEvent()
            else:
                interactor.MouseWheelBackwardEvent()
            self.pass_time(0.05)

    def baseline_view(self) -> str:
        """Name of a slice view that shows the baseline."""
        return self._viewOf(self.state.baseline.shownId)

    def followup_view(self) -> str:
        """Name of a slice view that shows the follow-up."""
        return self._viewOf(self.state.followup.shownId)

    def _viewOf(self, identifier: str) -> str:
        found: list[str] = []

        def isShown() -> bool:
            found[:] = self._viewsOf(identifier)
            return bool(found)

        # Views are laid out and filled in turns of their own.
        self.wait_for(isShown, f"a view shows {identifier}", SECONDS_TO_DRAW)
        return found[0]

    def _viewsOf(self, identifier: str) -> list[str]:
        manager = slicer.app.layoutManager()
        logics = {name: manager.sliceWidget(name).sliceLogic() for name in manager.sliceViewNames()}
        return [
            name
            for name, logic in logics.items()
            if logic.GetSliceCompositeNode().GetBackgroundVolumeID() == identifier
        ]

    # What is seen -----------------------------------------------------------------------------------------------

    def said(self) -> str:
        """The line of the strip."""
        return self.state.message.text

    def backgrounds(self) -> dict[str, str]:
        """Name of the volume in each visible slice view."""
        manager, found = slicer.app.layoutManager(), {}
        for name in manager.sliceViewNames():
            if manager.sliceWidget(name).visible:
                node = manager.sliceWidget(name).sliceLogic().GetBackgroundLayer().GetVolumeNode()
                found[name] = node.GetName() if node else ""
        return found

    def table(self, name: str) -> list[list[str]]:
        """The texts of a table, row by row."""
        table = getattr(self.ui, name)
        items = [[table.item(r, c) for c in range(table.columnCount)] for r in range(table.rowCount)]
        return [[item.text() if item else "" for item in row] for row in items]

    def slice_status(self, position: int) -> str:
        """What became of a slice."""
        return next(row.status for row in self.state.corrections.rows if row.slice == position)

    def drawn(self) -> bytes:
        """The voxels that were drawn."""
        node = slicer.mrmlScene.GetNodeByID(self.state.corrections.nodeId)
        volume = slicer.mrmlScene.GetNodeByID(self.state.baseline.shownId)
        segment = self.state.corrections.segmentId
        return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume).astype("uint8").tobytes()

    def edited(self) -> str:
        """The node that the brush would change now, empty where there is none."""
        self.wait_until_shown()
        node = self.ui.segmentEditor.segmentationNode()
        return node.GetID() if node else ""

    # Short ways -------------------------------------------------------------------------------------------------

    def use_model(self, folder: Path) -> None:
        """Choose a model from a folder, as *Add model* does."""
        self.logic.addModel(str(folder))

    def load_patient(self, folder: Path, name: str) -> dict[str, object]:
        """Load a tiny patient and choose its images; returns its nodes by examination and part."""
        nodes: dict[str, object] = {}
        for examination in ("baseline", "followup"):
            for part, sequence in SEQUENCES.items():
                file = folder / f"{examination}_{sequence}.nii.gz"
                title = f"{name} {examination} {sequence}"
                nodes[f"{examination}{part}"] = slicer.util.loadVolume(str(file), {"name": title})
            mask = folder / f"{examination}_brain_mask.nii.gz"
            nodes[f"{examination}Mask"] = slicer.util.loadLabelVolume(
                str(mask), {"name": f"{name} {examination} mask"}
            )
        for field, node in nodes.items():
            examination, part = re.fullmatch(r"(baseline|followup)(\w+)", field).groups()
            self.choose(examination, part, node)
        self.pass_time(0.2)
        return nodes

    def prepare(self) -> None:
        """Press Start and wait for both examinations, unless their case is prepared already."""
        if self.state.isPrepared:
            return
        self.press("startButton")
        self.pass_time(0.2)
        self.wait_until_idle()
        if not self.state.isPrepared:
            message = f"not prepared; the panel says {self.said()!r}"
            raise AssertionError(message)

    def correct_and_tune(self) -> None:
        """Paint one stroke, mark the slice, and let the CNN learn from it."""
        self.go_to("correct")
        self.paint()
        self.press("correctedButton")
        self.wait_until_shown()
        self.press("showResultButton")
        self.pass_time(0.2)
        self.wait_until_idle()
        if self.state.step != "result":
            message = f"no result is shown; the panel says {self.said()!r}"
            raise AssertionError(message)

    def quick_settings(self) -> None:
        """As few iterations and repetitions as the panel allows, so that a test takes seconds."""
        parameters = self.logic.parameters()
        parameters.iterations, parameters.repetitions = 50, 2
