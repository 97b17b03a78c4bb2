"""The background process: serves one request after the other until its input closes, so that torch loads once."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import BinaryIO

if __package__ in (None, ""):
    # Started by its path, as Slicer does. This folder must not stay there, or its files pass for libraries.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.jobs import messages
from PatientSpecificTuningLib.jobs.explanations import explained

SECONDS_BETWEEN_REPORTS = 0.1
LAST_LINES = 20


class Worker:
    """Reads requests, runs verbs, writes progress and answers.

    A second thread reads, so that a cancel is heard while a verb runs.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source = source
        self._target = target
        self._requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self._cancelled: set[Any] = set()
        self._writing = threading.Lock()

    def serve(self) -> None:
        """Serve until the input closes or says stop; then the process ends."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            self._answer(self._requests.get())

    def _read(self) -> None:
        reader = messages.LineReader()
        try:
            while line := self._source.readline():
                for message in reader.feed(line)[0]:
                    self._heard(message)
        finally:
            # A worker that hears nothing more must not stay.
            _end()

    def _heard(self, message: dict[str, Any]) -> None:
        number, verb, arguments = (message.get(name) for name in ("id", "verb", "arguments"))
        if verb == "stop":
            _end()
        elif not (isinstance(number, int) and isinstance(verb, str) and isinstance(arguments, dict)):
            # One that cannot be answered must not make the worker deaf for the next.
            print(f"A request was not understood: {message}", file=sys.stderr)
        elif verb == "cancel":
            cancelled = arguments.get("id")
            if isinstance(cancelled, int):
                self._cancelled.add(cancelled)
        else:
            self._requests.put(message)

    def _answer(self, request: dict[str, Any]) -> None:
        number = request["id"]
        try:
            result = self._run(request, number)
        except Exception as error:
            kind, message = explained(error)
            log: list[str] = []
            if kind not in (messages.INPUT, messages.CANCELLED):
                traceback.print_exc()
                log = traceback.format_exc().splitlines()[-LAST_LINES:]
            self._say(number, messages.ERROR, kind=kind, message=message, log=log)
        else:
            self._say(number, messages.RESULT, result=result)

    def _run(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        from PatientSpecificTuningLib.jobs import verbs

        report = _Reporter(lambda **values: self._say(number, messages.PROGRESS, **values))

        def progress(stage: str, fraction: float) -> None:
            if number in self._cancelled:
                message = f"{stage} was cancelled; what was complete is kept."
                raise Cancelled(message)
            report(stage, fraction)

        progress("Starting", 0.0)
        return verbs.run(
            request["verb"],
            request["arguments"],
            progress,
            lambda part: self._say(number, messages.PART, part=part),
        )

    def _say(self, number: int, message_type: str, **values: Any) -> None:
        with self._writing:
            self._target.write(messages.encode({"id": number, "type": message_type, **values}))
            self._target.flush()


class _Reporter:
    """Passes progress on, but not faster than a person can see, with an estimate of the time left."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._stage = ""
        self._fraction = 0.0
        self._began = self._last = time.monotonic()

    def __call__(self, stage: str, fraction: float) -> None:
        now, fraction = time.monotonic(), min(1.0, max(0.0, fraction))
        begins, ends = stage != self._stage, fraction == 1 and self._fraction < 1
        if begins and fraction <= self._fraction:
            # What comes now is not a part of what was told before.
            self._began = now
        elif not (begins or ends) and now - self._last < SECONDS_BETWEEN_REPORTS:
            return
        self._stage, self._fraction, self._last = stage, fraction, now
        elapsed = now - self._began
        remaining = elapsed * (1 - fraction) / fraction if fraction > 0.02 and elapsed > 0.5 else None
        self._say(stage=stage, fraction=fraction, elapsed_s=elapsed, remaining_s=remaining)


def _end() -> None:
    # Nobody listens any more. What runs now would be for nobody, and everything complete is on disk.
    os._exit(0)


def main() -> None:
    """Serve the process that started this one, over standard input and output."""
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever prints from here on must not get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Worker(sys.stdin.buffer, target).serve()


if __name__ == "__main__":
    main()
