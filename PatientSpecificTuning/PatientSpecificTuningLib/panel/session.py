"""The panel's one state: every change only says "look again", and then all is read, concluded and shown in one place."""

from __future__ import annotations

import dataclasses
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from ..engine.errors import InputError
from ..jobs.client import WorkerClient
from ..jobs.signals import Signal
from .fact_reading import FactReader
from .parameters import PanelParameters
from .requests import Requests
from .scene.stage import Stage
from .situation.conclusions import stateOf
from .situation.facts import Facts
from .situation.state import FAILURE
from .situation.state import INFO
from .situation.state import WARNING
from .situation.state import Message
from .situation.state import PanelState
from .situation.state import Running
from .turns import Steps

MILLISECONDS_AFTER_STROKE = 300


class Session(VTKObservationMixin):
    """Holds parameters, worker and state; the commands build on it.

    Signals: `stateChanged(state)`; `followed(state)` when the scene shows it; `logged(line)`.
    """

    def __init__(self, client: WorkerClient, parameterNode) -> None:
        VTKObservationMixin.__init__(self)
        self.stateChanged, self.followed, self.logged = Signal(), Signal(), Signal()
        self.requests = Requests(client)
        self.requests.changed.connect(self._runningChanged)
        self.requests.failed.connect(self._failed)
        self.requests.logged.connect(self.logged)
        self._facts, self._state = Facts(), PanelState()
        self._isDirty, self._isRefreshing, self._wasStopped = True, False, False
        self._isFollowing = False
        self._message, self.selectedLesion, self.device = Message(), "", ""
        self.isAligning = False
        self.reader = FactReader()
        self._soon = _timer(0, self._lookInTurns)
        self._showMore = _timer(0, self._followFurther)
        self._following: Steps | None = None
        self.stage = Stage(self.changed)
        self._afterStroke = _timer(MILLISECONDS_AFTER_STROKE, self.changed)
        self._watched: tuple = ()
        self._parameters = PanelParameters(parameterNode)
        self._watchScene()

    # What is so -------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> PanelState:
        """What the panel shows; where something changed a moment ago, `state` is newer."""
        return self._state

    @property
    def state(self) -> PanelState:
        """What is so now."""
        self._refreshWhereChanged()
        return self._state

    @property
    def isSettled(self) -> bool:
        """Whether everything that changed was read, and the views show it."""
        return not self._isDirty and self._following is None

    @property
    def facts(self) -> Facts:
        """What was read for the state."""
        self._refreshWhereChanged()
        return self._facts

    def parameters(self) -> PanelParameters:
        """The chosen nodes and settings; assign to its fields."""
        return self._parameters

    def changed(self, *_whatever: Any) -> None:
        """Something changed: look again, once, when everything that belongs to the change is done."""
        self._isDirty = True
        if not self._soon.isActive():
            self._soon.start()

    def say(self, text: str, kind: str = INFO) -> None:
        """Say something in the panel; it stays until something else is said or other images are chosen."""
        self._message = Message(text, kind)
        self.changed()

    def guarded(self, action: Callable) -> Callable:
        """A slot that never raises: what cannot be done is said in the panel, with details in the log."""

        def slot(*arguments: Any) -> None:
            try:
                action(*arguments)
            except InputError as error:
                self.say(str(error), FAILURE)
            except Exception as error:
                self._logException()
                self.say(f"{type(error).__name__}: {error}", FAILURE)

        return slot

    # The life of module and scene -------------------------------------------------------------------------------

    def connectScene(self, parameterNode) -> None:
        """Go on with the parameter node of a scene."""
        self._parameters = PanelParameters(parameterNode)
        self._message, self.selectedLesion = Message(), ""
        # Nothing of the former scene is shown while the images of this one are read.
        self._facts, self._state = Facts(), PanelState()
        self.reader.forget()
        self._watchScene()
        self.stage.connectScene()
        if self._wasStopped and any(True for _node in self.reader.chosenNodes(self._parameters)):
            self._message = Message(
                _("A scene was loaded, so what ran was stopped; what is complete is kept."), WARNING
            )
        self._wasStopped = False
        self.stateChanged(self._state)
        self.changed()

    def disconnectScene(self) -> None:
        """Let go of the scene: what runs for it is stopped, and its answers are not heard."""
        self._wasStopped = self._wasStopped or self.requests.isBusy
        self.requests.leaveScene()
        self.removeObservers()
        self._watched = ()
        self._followNoMore()
        self.stage.disconnectScene()
        self.reader.forget()

    def enter(self) -> None:
        """The module is shown: views and keys are ours."""
        self.stage.enter()
        self.changed()

    def exit(self) -> None:
        """The module is left: the user's layout and keys come back."""
        self._followNoMore()
        self.stage.exit()

    def stop(self) -> None:
        """The module goes away: no process, no observation and no timer stays."""
        self._soon.stop()
        self._followNoMore()
        self._afterStroke.stop()
        self.requests.stop()
        self.removeObservers()
        self.stage.stop()

    def attachEditor(self, widget) -> None:
        """Use an embedded Segment Editor for the corrections."""
        self.stage.attachEditor(widget)

    def goOn(self, earlier: PanelState) -> None:
        """Do by itself what follows from a change; the commands say what that is."""

    # Inside -----------------------------------------------------------------------------------------------------

    def _refreshWhereChanged(self) -> None:
        if self._isDirty and not self._isRefreshing:
            self._refreshNow()

    def _lookInTurns(self) -> None:
        """What takes long to read, the voxels of the chosen nodes, is read node by node, each in a turn of its own."""
        try:
            isRead = not self.reader.readNext(self._parameters)
        except Exception:
            # The look itself meets it again, and says what it is.
            isRead = True
        if isRead:
            self._refreshNow()
        else:
            self._soon.start()

    def _refreshNow(self) -> None:
        if self._isRefreshing:
            return
        earlier = self._state
        self._isRefreshing, self._isDirty = True, False
        try:
            self._look(earlier)
        except Exception as error:
            self._state = self._failedState(earlier, error)
        finally:
            self._isRefreshing = False
        if self._state != earlier:
            self.stateChanged(self._state)
            self.guarded(self.goOn)(earlier)
        if self._isDirty and not self._soon.isActive():
            self._soon.start()

    def _failedState(self, state: PanelState, error: Exception) -> PanelState:
        """The same state, with what went wrong as its message; the details are in the log."""
        self._logException()
        message = Message(f"{type(error).__name__}: {error}", FAILURE)
        return dataclasses.replace(state, message=message, running=self.requests.running)

    def _look(self, earlier: PanelState) -> None:
        """Read and conclude; the scene follows in turns of its own."""
        facts = self._read()
        state = stateOf(facts)
        if state.caseFolder != earlier.caseFolder and earlier.caseFolder and self._message.text:
            # What was said was of other images.
            self._message = Message()
            facts = dataclasses.replace(facts, message=self._message)
            state = dataclasses.replace(state, message=self._message)
        self._facts, self._state = facts, state
        self.requests.keepLogIn(Path(state.caseFolder) if state.caseFolder else None)
        self._watchNodes()
        self.stage.hideOthers(state)
        self.stage.chooseSlice(state, facts)
        self._followNoMore()
        self._following = self.stage.follow(state, facts)
        self._showMore.start()

    def _followFurther(self) -> None:
        """Let the scene follow a step further; where something changed since, looking again does it.

        The nodes that come and go by that change nothing of what is so.
        """
        steps = self._following
        if steps is None or self._isDirty or self._isRefreshing or self._isFollowing:
            return
        self._isFollowing = True
        try:
            next(steps)
        except StopIteration:
            self._followNoMore()
            self.followed(self._state)
        except Exception as error:
            self._followNoMore()
            self._state = self._failedState(self._state, error)
            self.stateChanged(self._state)
        finally:
            self._isFollowing = False
        if self._following is steps:
            self._showMore.start()

    def _followNoMore(self) -> None:
        self._showMore.stop()
        self._following = None

    def _nodesChanged(self, caller, event) -> None:
        del caller, event
        if not self._isFollowing:
            self.changed()

    def _read(self) -> Facts:
        facts = self.reader.read(self._parameters, self.stage)
        return dataclasses.replace(
            facts,
            running=self.requests.running,
            message=self._message,
            selectedLesion=self.selectedLesion,
            isAligning=self.isAligning,
            device=self.device,
        )

    def _runningChanged(self) -> None:
        """Where a step only came further nothing else is read anew, which ten times a second would cost the worker's time."""
        earlier, running = self._state, self.requests.running
        if self._isDirty or _kind(earlier.running) != _kind(running):
            self.changed()
        elif running != earlier.running:
            self._facts = dataclasses.replace(self._facts, running=running)
            self._state = dataclasses.replace(earlier, running=running)
            self.stateChanged(self._state)

    def _watchScene(self) -> None:
        self.removeObservers()
        self._watched = ()
        scene, modified = slicer.mrmlScene, vtk.vtkCommand.ModifiedEvent
        self.addObserver(self._parameters.parameterNode, modified, self.changed)
        self.addObserver(scene, scene.NodeAddedEvent, self._nodesChanged)
        self.addObserver(scene, scene.NodeRemovedEvent, self._nodesChanged)

    def _watchNodes(self) -> None:
        """Hear of voxels, places and strokes of exactly the nodes that are chosen now."""
        # One node may be chosen twice, which is a problem for the user but none here.
        chosen = tuple(dict.fromkeys(self.reader.chosenNodes(self._parameters)))
        corrections = (
            slicer.mrmlScene.GetNodeByID(self._facts.corrections.nodeId) if self._facts.corrections else None
        )
        watched = (tuple(node.GetID() for node in chosen), corrections and corrections.GetID())
        if watched == self._watched:
            return
        self._watched = watched
        self.removeObservers(self._nodeChanged)
        self.removeObservers(self._drawn)
        for node in chosen:
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._nodeChanged)
            if node.IsA("vtkMRMLTransformableNode"):
                self.addObserver(
                    node, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._nodeChanged
                )
            if node.IsA("vtkMRMLVolumeNode"):
                self.addObserver(node, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, self._nodeChanged)
        if corrections is not None:
            event = slicer.vtkSegmentation.SourceRepresentationModified
            self.addObserver(corrections.GetSegmentation(), event, self._drawn)

    def _nodeChanged(self, caller, event) -> None:
        del caller, event
        self.changed()

    def _drawn(self, caller, event) -> None:
        """A stroke is looked at when the hand rests."""
        del caller, event
        self._afterStroke.start()

    def _failed(self, sentence: str) -> None:
        for line in getattr(sentence, "log", ()):
            self.requests.log(line)
        if getattr(sentence, "kind", "") == "cancelled":
            self.say(_("Cancelled; what was complete is kept."))
        else:
            self.say(str(sentence), FAILURE)

    def _logException(self) -> None:
        details = traceback.format_exc()
        logging.error(details)
        for line in details.splitlines():
            self.requests.log(line)


def _kind(running: Running | None) -> bool | None:
    """What else the panel shows and allows depends only on whether something runs, and whether somebody waits for it."""
    return None if running is None else running.isAhead


def _timer(milliseconds: int, action: Callable[[], None]):
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", action)
    return timer
