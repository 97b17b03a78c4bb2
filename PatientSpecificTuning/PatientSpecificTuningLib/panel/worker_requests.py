"""Asking the worker for steps of the work, one after the other, and waiting for them where a script wants that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from ..engine.case.layout import remove_unfinished
from ..engine.errors import InputError
from ..jobs.client import WorkerClient
from ..jobs.signals import Signal

LOG_NAME = "worker.log"


class WorkerRequests:
    """What all steps have in common: progress, failure, cancel and the log.

    Args:
        client: of the worker.
        caseFolder: tells where everything of the patient is kept; None where that is not decided yet.

    Signals: `progressed(stage, fraction, remainingSeconds)`, `failed(message)`, `busyChanged(busy)`.
    """

    def __init__(self, client: WorkerClient, caseFolder: Callable[[], Path | None]) -> None:
        self.client = client
        self.caseFolder = caseFolder
        client.logged.connect(self._keepInLog)
        self.progressed, self.failed, self.busyChanged = Signal(), Signal(), Signal()

    def cancel(self) -> None:
        """Stop what runs and what waits; what is complete is kept."""
        self.client.cancel()
        self.busyChanged(self.isBusy)

    @property
    def isBusy(self) -> bool:
        """Whether the worker works."""
        return self.client.isBusy

    def stop(self) -> None:
        """End the worker; called when the module goes away."""
        self.client.stop()

    def _request(
        self, verb: str, arguments: dict[str, Any], onResult: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        # What cannot be said in JSON must fail here, at the caller, and not in the worker.
        json.dumps(arguments)

        def finished(answer: dict[str, Any]) -> None:
            if onResult is not None:
                onResult(answer)
            self.busyChanged(self.isBusy)

        def failed(message: str) -> None:
            folder = self.caseFolder()
            if folder is not None:
                # A worker that was ended by force leaves what it had begun.
                remove_unfinished(folder)
            self.failed(message)
            self.busyChanged(self.isBusy)

        self.client.request(verb, arguments, onResult=finished, onError=failed, onProgress=self.progressed)
        self.busyChanged(True)

    def _requestAhead(
        self,
        verb: str,
        arguments: dict[str, Any],
        onResult: Callable[[dict[str, Any]], None] = lambda answer: None,
    ) -> None:
        """Ask for something that nobody waits for; where it fails, the step that needs it says why."""
        self.client.request(verb, arguments, onResult=onResult, ahead=True)

    def _wait(self, waitForCompletion: bool) -> None:
        if not waitForCompletion:
            return
        failures: list[str] = []
        self.failed.connect(failures.append)
        while self.isBusy:
            slicer.app.processEvents()
        self.failed.disconnect(failures.append)
        if failures:
            raise InputError(failures[0])

    def _keepInLog(self, line: str) -> None:
        """What the worker says beside its answers stands in the case folder."""
        folder = self.caseFolder()
        if folder is not None and folder.is_dir():
            with (folder / LOG_NAME).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
