"""The panel's side of the worker: one request after the other, progress, answers, cancel, restart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import messages
from .process import Process
from .signals import Signal

KEPT_LINES = 200
MILLISECONDS_TO_CANCEL = 1500


@dataclass
class _Request:
    number: int
    verb: str
    arguments: dict[str, Any]
    onResult: Callable[[dict[str, Any]], None]
    onError: Callable[[str], None]
    onProgress: Callable[[str, float, float | None], None]


class WorkerClient:
    """Holds at most one worker, started with the first request and again after it died.

    Args:
        makeProcess: gives a new, not yet started process.

    Signals: `logged(line)`.
    """

    def __init__(self, makeProcess: Callable[[], Process]) -> None:
        self._makeProcess = makeProcess
        self._process: Process | None = None
        self._reader = messages.LineReader()
        self._errorRest = b""
        self._waiting: deque[_Request] = deque()
        self._running: _Request | None = None
        self._cancelled = False
        self._count = 0
        self.log: deque[str] = deque(maxlen=KEPT_LINES)
        self.logged = Signal()

    @property
    def isBusy(self) -> bool:
        """Whether a request runs or waits."""
        return self._running is not None or bool(self._waiting)

    def request(
        self,
        verb: str,
        arguments: dict[str, Any],
        *,
        onResult: Callable[[dict[str, Any]], None] = lambda result: None,
        onError: Callable[[str], None] = lambda message: None,
        onProgress: Callable[[str, float, float | None], None] = lambda stage, fraction, remaining: None,
    ) -> int:
        """Ask for something; exactly one of `onResult` and `onError` is called in the end.

        A failure also drops the requests that wait, since each builds on the one before.

        Returns:
            the id of the request.
        """
        self._count += 1
        self._waiting.append(_Request(self._count, verb, arguments, onResult, onError, onProgress))
        self._next()
        return self._count

    def cancel(self) -> None:
        """Stop what runs and drop what waits; a worker that does not listen is ended."""
        running, self._waiting = self._running, deque()
        if running is None or self._process is None:
            return
        self._cancelled = True
        self._send({"id": 0, "verb": "cancel", "arguments": {"id": running.number}})
        self._process.later(MILLISECONDS_TO_CANCEL, lambda: self._endIfStill(running))

    def stop(self) -> None:
        """End the worker; nothing more is called back."""
        self._waiting.clear()
        process, self._process, self._running = self._process, None, None
        if process is not None:
            process.closeInput()
            process.kill()

    def _next(self) -> None:
        if self._running is not None or not self._waiting:
            return
        self._running, self._cancelled = self._waiting.popleft(), False
        if self._process is None:
            self._start()
        running = self._running
        if running is not None:
            self._send({"id": running.number, "verb": running.verb, "arguments": running.arguments})

    def _start(self) -> None:
        process = self._makeProcess()
        self._process, self._reader, self._errorRest = process, messages.LineReader(), b""
        process.outputRead.connect(self._outputRead)
        process.errorRead.connect(self._errorRead)
        process.finished.connect(lambda code, crashed: self._ended(process, code))
        process.failedToStart.connect(lambda reason: self._notStarted(process, reason))
        process.start()

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is not None:
            self._process.write(messages.encode(message))

    def _outputRead(self, data: bytes) -> None:
        received, others = self._reader.feed(data)
        for line in others:
            self._logLine(line)
        for message in received:
            self._received(message)

    def _errorRead(self, data: bytes) -> None:
        *lines, self._errorRest = (self._errorRest + data).split(b"\n")
        for line in lines:
            self._logLine(line.decode("utf-8", errors="replace").rstrip("\r"))

    def _logLine(self, line: str) -> None:
        self.log.append(line)
        self.logged(line)

    def _received(self, message: dict[str, Any]) -> None:
        running = self._running
        if running is None or message.get("id") != running.number:
            return
        kind = message.get("type")
        if kind == messages.PROGRESS:
            running.onProgress(message["stage"], message["fraction"], message["remaining_s"])
        elif kind == messages.RESULT:
            self._running = None
            running.onResult(message["result"])
            self._next()
        elif kind == messages.ERROR:
            self._fail(message["message"])

    def _fail(self, sentence: str) -> None:
        running, self._running = self._running, None
        self._waiting.clear()
        if running is not None:
            running.onError(sentence)

    def _endIfStill(self, request: _Request) -> None:
        if self._running is request and self._process is not None:
            self._process.kill()

    def _ended(self, process: Process, code: int) -> None:
        if process is not self._process:
            return
        self._process = None
        if self._cancelled:
            self._fail("Cancelled; what was complete is kept.")
            return
        last = " | ".join(list(self.log)[-3:])
        self._fail(f"The worker ended with code {code}; run the step again. Last words: {last or 'none'}")

    def _notStarted(self, process: Process, reason: str) -> None:
        if process is self._process:
            self._process = None
            self._fail(f"The worker cannot be started ({reason}); check that Slicer is installed completely.")
