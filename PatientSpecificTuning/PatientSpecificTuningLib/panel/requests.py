"""Asking the worker for steps of the work: what runs is always known, and ends however the step ends."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from ..engine.case.layout import remove_unfinished
from ..engine.errors import InputError
from ..jobs.client import WorkerClient
from ..jobs.failure import Failure
from ..jobs.messages import CANCELLED
from ..jobs.messages import UNEXPECTED
from ..jobs.signals import Signal
from .situation.progress_words import progressText
from .situation.state import Running
from .turns import Steps
from .turns import Turns

LOG_NAME = "worker.log"
Answered = Callable[[dict[str, Any]], None]
Failed = Callable[[str], None]


def ignore(answer: dict[str, Any] | str) -> None:
    """Nothing is done with an answer or a failure."""
    del answer


class Requests:
    """What the worker is asked for and what the panel does itself, what runs of it, and its log.

    Signals: `changed()` when what runs changed, `failed(sentence)`, `logged(line)`.
    """

    def __init__(self, client: WorkerClient) -> None:
        self._client = client
        self._folder: Path | None = None
        # Answers of a former scene are for nobody.
        self._scene = 0
        self._turns = Turns(self._ended, self._stepFailed)
        self.running: Running | None = None
        self.changed, self.failed, self.logged = Signal(), Signal(), Signal()
        client.logged.connect(self.log)

    @property
    def isBusy(self) -> bool:
        """Whether anything runs that somebody waits for."""
        return bool(self._client.isBusy) or self._turns.isBusy

    def take(self, title: str, steps: Steps) -> None:
        """Do something in the panel itself, a step in each turn of the event loop, for which the user waits as well.

        Args:
            steps: does one step until each `yield`; where it is given up it is closed, and can clean up.
        """
        self._showWaited(title)
        self._turns.take(steps)

    def ask(
        self,
        title: str,
        verb: str,
        arguments: dict[str, Any],
        onAnswer: Answered = ignore,
        onPart: Answered = ignore,
    ) -> None:
        """Ask for a step that the user waits for.

        Args:
            title: what the user reads while it runs.
            onPart: told the parts of the answer that are known before all of it is complete.
        """
        self._showWaited(title)
        self._request(title, verb, arguments, onAnswer, onPart=onPart, isAhead=False)

    def askAhead(
        self,
        title: str,
        verb: str,
        arguments: dict[str, Any],
        onAnswer: Answered = ignore,
        onFailure: Failed = ignore,
        *,
        isNewest: bool = False,
    ) -> None:
        """Ask for something that nobody waits for; where it fails, the step that needs it says why.

        Args:
            onFailure: called where it cannot be done; not where it made way for something else.
            isNewest: all other work ahead makes way, also an earlier one of the same kind, which is out of date.
        """
        self._request(title, verb, arguments, onAnswer, onFailure=onFailure, isAhead=True, isNewest=isNewest)

    def cancel(self) -> None:
        """Stop what runs and what waits; what is complete is kept."""
        if self._turns.drop() and not self._client.isBusy:
            # Otherwise the worker's answer says so.
            self.failed(Failure("Cancelled; what was complete is kept.", CANCELLED))
        self._client.cancel()
        self._ended()

    def leaveScene(self) -> None:
        """Stop everything, and listen to no answer that still comes."""
        self._scene += 1
        self._folder = None
        self._turns.drop()
        self._client.cancel()
        self._show(None)

    def stop(self) -> None:
        """End the worker; called when the module goes away."""
        self._scene += 1
        self._turns.drop()
        self._client.stop()

    def keepLogIn(self, folder: Path | None) -> None:
        """Where the log is kept from now on, and where an ended worker's remains are cleaned up."""
        self._folder = folder

    def log(self, line: str) -> None:
        """Show a line in the log of the panel and keep it with the case."""
        self.logged(line)
        if self._folder is not None and self._folder.is_dir():
            try:
                with (self._folder / LOG_NAME).open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            except OSError as error:
                logging.warning("The log of the case cannot be written: %s", error)

    def wait(self) -> None:
        """Let the application live until nothing runs.

        Raises:
            InputError: a step failed; the message is its sentence.
        """
        failures: list[str] = []
        loop = qt.QEventLoop()

        def ended() -> None:
            if not self.isBusy:
                loop.quit()

        self.failed.connect(failures.append)
        self.changed.connect(ended)
        if self.isBusy:
            loop.exec()
        self.changed.disconnect(ended)
        self.failed.disconnect(failures.append)
        if failures:
            raise InputError(failures[0])

    def _request(
        self,
        title: str,
        verb: str,
        arguments: dict[str, Any],
        onAnswer: Answered,
        *,
        onPart: Answered = ignore,
        onFailure: Failed = ignore,
        isAhead: bool,
        isNewest: bool = False,
    ) -> None:
        # What cannot be said in JSON must fail here, at the caller, and not in the worker.
        json.dumps(arguments)

        def answered(answer: dict[str, Any]) -> None:
            try:
                onAnswer(answer)
            except Exception as error:
                self._sayFailure(error)
            self._ended()

        def failed(failure: str) -> None:
            self._cleanUp()
            if not isAhead:
                # What is done here meanwhile would build on it.
                self._turns.drop()
                self.failed(failure)
            if getattr(failure, "kind", "") != CANCELLED:
                onFailure(failure)
            self._ended()

        def progressed(stage: str, fraction: float, secondsLeft: float | None) -> None:
            # What makes way for a step that somebody waits for does not hide that step.
            isUnasked = isAhead and not self.isBusy
            self._show(Running(progressText(title, stage), fraction, secondsLeft, isUnasked))

        self._client.request(
            verb,
            arguments,
            onResult=self._inThisScene(answered),
            onError=self._inThisScene(failed),
            onProgress=self._inThisScene(progressed),
            onPart=self._inThisScene(onPart),
            ahead=isAhead,
            newest=isNewest,
        )

    def _inThisScene(self, callback: Callable[..., None]) -> Callable[..., None]:
        """The same callback, but deaf once another scene is there."""
        scene = self._scene

        def heard(*values: Any) -> None:
            if scene == self._scene:
                callback(*values)

        return heard

    def _sayFailure(self, error: Exception) -> None:
        if not isinstance(error, InputError):
            for line in traceback.format_exception(error):
                self.log(line.rstrip())
        self.failed(Failure(str(error) or type(error).__name__, UNEXPECTED))

    def _stepFailed(self, error: Exception) -> None:
        self._sayFailure(error)
        self._ended()

    def _cleanUp(self) -> None:
        """A worker that was ended by force leaves what it had begun."""
        if self._folder is not None and self._folder.is_dir():
            remove_unfinished(self._folder)

    def _ended(self) -> None:
        """One step ended; the next one of the queue tells of itself."""
        self._show(self.running if self.isBusy else None)

    def _showWaited(self, title: str) -> None:
        """Say what somebody waits for now, unless they wait for something else already."""
        if self.running is None or self.running.isAhead:
            self._show(Running(title))

    def _show(self, running: Running | None) -> None:
        self.running = running
        self.changed()
