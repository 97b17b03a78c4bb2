"""The panel's side of the worker: one request after the other, progress, answers, cancel, restart."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import messages
from .failure import Failure
from .process import Process
from .signals import Signal

KEPT_LINES = 200
LAST_LINES = 20
MILLISECONDS_TO_CANCEL = 1500
MILLISECONDS_TO_END = 500


@dataclass
class _Request:
    number: int
    verb: str
    arguments: dict[str, Any]
    onResult: Callable[[dict[str, Any]], None]
    onError: Callable[[Failure], None]
    onProgress: Callable[[str, float, float | None], None]
    onPart: Callable[[dict[str, Any]], None]
    ahead: bool


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
        self._cancelled = self._ending = False
        self._count = 0
        self.log: deque[str] = deque(maxlen=KEPT_LINES)
        self.logged = Signal()

    @property
    def isBusy(self) -> bool:
        """Whether something runs or waits that was not asked for ahead."""
        asked = [*self._waiting] if self._running is None else [self._running, *self._waiting]
        return any(not request.ahead for request in asked)

    def request(
        self,
        verb: str,
        arguments: dict[str, Any],
        *,
        onResult: Callable[[dict[str, Any]], None] = lambda result: None,
        onError: Callable[[Failure], None] = lambda failure: None,
        onProgress: Callable[[str, float, float | None], None] = lambda stage, fraction, remaining: None,
        onPart: Callable[[dict[str, Any]], None] = lambda part: None,
        ahead: bool = False,
        newest: bool = False,
    ) -> int:
        """Ask for something; one of `onResult` and `onError` is called in the end.

        A failure drops the requests that wait, since each builds on the one before, and so do `cancel` and `stop`;
        what is dropped is not called back. What is asked after `cancel` is served.

        Args:
            onPart: called with parts of the outcome that are known before all of it is complete.
            ahead: work that will be needed later; it makes way for the next request that is not.
            newest: other work ahead makes way for this one, which is ahead as well but wanted first.

        Returns:
            the id of the request.
        """
        if newest or not ahead:
            self._makeWay()
        self._count += 1
        self._waiting.append(
            _Request(self._count, verb, arguments, onResult, onError, onProgress, onPart, ahead)
        )
        self._next()
        return self._count

    def cancel(self) -> None:
        """Stop what runs and drop what waits; a worker that does not listen is ended, then killed."""
        self._waiting.clear()
        running, process = self._running, self._process
        if running is None or process is None or self._cancelled:
            return
        self._askToCancel(running)
        process.later(MILLISECONDS_TO_CANCEL, lambda: self._endIfStill(running, process))

    def _makeWay(self) -> None:
        self._waiting = deque(request for request in self._waiting if not request.ahead)
        if self._running is not None and self._running.ahead and not self._cancelled:
            # It is not ended by force: loading torch hears nothing, and the next request needs it as well.
            self._askToCancel(self._running)

    def _askToCancel(self, running: _Request) -> None:
        self._cancelled = True
        self._send({"id": 0, "verb": "cancel", "arguments": {"id": running.number}})

    def stop(self) -> None:
        """End the worker; nothing more is called back."""
        self._waiting.clear()
        process, self._process, self._running, self._ending = self._process, None, None, False
        if process is not None:
            process.closeInput()
            process.kill()

    def _next(self) -> None:
        if self._running is not None or self._ending or not self._waiting:
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
        process.outputRead.connect(lambda data: self._outputRead(process, data))
        process.errorRead.connect(lambda data: self._errorRead(process, data))
        process.finished.connect(lambda code, crashed: self._finished(process, code))
        process.failedToStart.connect(lambda reason: self._notStarted(process, reason))
        process.start()

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is not None:
            self._process.write(messages.encode(message))

    def _outputRead(self, process: Process, data: bytes) -> None:
        if process is not self._process:
            return
        received, others = self._reader.feed(data)
        for line in others:
            self._logLine(line)
        for message in received:
            self._received(message)

    def _errorRead(self, process: Process, data: bytes) -> None:
        if process is not self._process:
            return
        *lines, self._errorRest = (self._errorRest + data).split(b"\n")
        for line in lines:
            self._logLine(line.decode("utf-8", errors="replace").rstrip("\r"))

    def _logLine(self, line: str) -> None:
        self.log.append(line)
        _call(self.logged, line)

    def _received(self, message: dict[str, Any]) -> None:
        running = self._running
        if running is None or message.get("id") != running.number:
            return
        kind = message.get("type")
        if kind == messages.PROGRESS:
            _call(running.onProgress, message["stage"], message["fraction"], message["remaining_s"])
        elif kind == messages.PART:
            _call(running.onPart, message["part"])
        elif kind == messages.RESULT:
            self._running = None
            _call(running.onResult, message["result"])
            self._next()
        elif kind == messages.ERROR:
            if message["kind"] == messages.MISSING and self._process is not None:
                # Python remembers a failed import; only a new process sees what is installed meanwhile.
                self._end(self._process)
            self._fail(message["message"], message["kind"], message.get("log"))

    def _fail(self, sentence: str, kind: str, log: list[str] | None = None) -> None:
        running, self._running = self._running, None
        if not self._cancelled:
            self._waiting.clear()
        if running is not None:
            _call(running.onError, Failure(sentence, kind, log or list(self.log)[-LAST_LINES:]))
        self._next()

    def _endIfStill(self, request: _Request, process: Process) -> None:
        if self._running is request and process is self._process:
            self._end(process)

    def _end(self, process: Process) -> None:
        """Let it end by itself, which also reaches the Python behind the launcher, and kill it otherwise."""
        self._ending = True
        process.closeInput()
        process.later(MILLISECONDS_TO_END, lambda: self._killIfStill(process))

    def _killIfStill(self, process: Process) -> None:
        if process is self._process:
            process.kill()

    def _finished(self, process: Process, code: int) -> None:
        if process is not self._process:
            return
        if self._errorRest:
            self._errorRead(process, b"\n")
        self._process, self._ending = None, False
        if self._running is None:
            self._next()
        elif self._cancelled:
            self._fail("Cancelled; what was complete is kept.", messages.CANCELLED)
        else:
            last = " | ".join(list(self.log)[-3:]) or "none"
            sentence = f"The worker ended with code {code}; run the step again. Last words: {last}"
            self._fail(sentence, messages.UNEXPECTED)

    def _notStarted(self, process: Process, reason: str) -> None:
        if process is self._process:
            self._process, self._ending = None, False
            sentence = f"The worker cannot be started ({reason}); check that Slicer is installed completely."
            self._fail(sentence, messages.UNEXPECTED)


def _call(callback: Callable[..., Any], *arguments: Any) -> None:
    """Call back; a mistake in there is reported as Qt does it and must not stop the requests."""
    try:
        callback(*arguments)
    except Exception:
        sys.excepthook(*sys.exc_info())
