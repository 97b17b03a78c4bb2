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
    # Started by its path, as Slicer's Python is.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.jobs import messages

SECONDS_BETWEEN_REPORTS = 0.1
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


class Worker:
    """Reads requests, runs verbs, writes progress and answers.

    A second thread reads, so that a cancel is heard while a verb runs.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source = source
        self._target = target
        self._requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled: set[int] = set()
        self._writing = threading.Lock()

    def serve(self) -> None:
        """Serve until the input closes."""
        threading.Thread(target=self._read, daemon=True).start()
        while (request := self._requests.get()) is not None:
            self._answer(request)

    def _read(self) -> None:
        reader = messages.LineReader()
        while line := self._source.readline():
            for message in reader.feed(line)[0]:
                if message["verb"] == "cancel":
                    self._cancelled.add(int(message["arguments"]["id"]))
                else:
                    self._requests.put(message)
        # The panel is gone. What runs now would be for nobody, and everything complete is on disk.
        self._requests.put(None)
        os._exit(0)

    def _answer(self, request: dict[str, Any]) -> None:
        number = int(request["id"])
        try:
            result = self._run(request, number)
        except Cancelled as error:
            self._say(number, messages.ERROR, kind=messages.CANCELLED, message=str(error))
        except InputError as error:
            self._say(number, messages.ERROR, kind=messages.INPUT, message=str(error))
        except ImportError as error:
            self._say(number, messages.ERROR, kind=messages.MISSING, message=_what_is_missing(error))
        except Exception as error:
            traceback.print_exc()
            kind, message = _explained(error)
            self._say(number, messages.ERROR, kind=kind, message=message)
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
        return verbs.run(request["verb"], request["arguments"], progress)

    def _say(self, number: int, message_type: str, **values: Any) -> None:
        with self._writing:
            self._target.write(messages.encode({"id": number, "type": message_type, **values}))
            self._target.flush()


class _Reporter:
    """Passes progress on, but not faster than a person can see, with an estimate of the time left."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._stage = ""
        self._began = self._last = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._last = stage, now, 0.0
        if now - self._last < SECONDS_BETWEEN_REPORTS and fraction < 1:
            return
        self._last = now
        elapsed = now - self._began
        remaining = elapsed * (1 - fraction) / fraction if fraction > 0.02 and elapsed > 0.5 else None
        self._say(stage=stage, fraction=fraction, elapsed_s=elapsed, remaining_s=remaining)


def _what_is_missing(error: ImportError) -> str:
    return (
        f"A Python package is missing or half installed ({error}); install the PyTorch extension, use it to install"
        " torch anew, and restart Slicer."
    )


def _explained(error: Exception) -> tuple[str, str]:
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in OUT_OF_MEMORY):
        return (
            messages.MEMORY,
            "There is not enough memory; close other programs or use a smaller field of view.",
        )
    return (
        messages.UNEXPECTED,
        f"The worker failed unexpectedly ({type(error).__name__}: {text}); see the log.",
    )


def main() -> None:
    """Serve the process that started this one, over standard input and output."""
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever prints from here on must not get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Worker(sys.stdin.buffer, target).serve()


if __name__ == "__main__":
    main()
