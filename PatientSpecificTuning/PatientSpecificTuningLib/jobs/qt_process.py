"""The worker's process by Qt, which alone reads it without starving inside Slicer."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import qt

from .signals import Signal

WORKER = Path(__file__).with_name("worker.py")


def findPython(searched: tuple[str, ...] = ()) -> str:
    """Slicer's Python: on the path, beside the application, or the one that runs now.

    Args:
        searched: folders of the application.
    """
    name = "PythonSlicer"
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(searched))
    # Inside Slicer the one that runs now can be Slicer itself, which must not be started as a worker.
    running = sys.executable if "python" in Path(sys.executable or "").name.lower() else ""
    return found or running or name


class QtProcess:
    """A worker process, see `process.Process`."""

    def __init__(self, program: str) -> None:
        self.outputRead, self.errorRead = Signal(), Signal()
        self.finished, self.failedToStart = Signal(), Signal()
        self._program = program
        self._process = qt.QProcess()
        connected = [
            self._process.connect("readyReadStandardOutput()", self._readOutput),
            self._process.connect("readyReadStandardError()", self._readError),
            self._process.connect("finished(int,QProcess::ExitStatus)", self._finished),
            self._process.connect("errorOccurred(QProcess::ProcessError)", self._failed),
        ]
        if not all(connected):
            message = "Qt refuses a signal of QProcess."
            raise RuntimeError(message)

    def start(self) -> None:
        """Start it, with text in UTF-8 whatever the locale is."""
        environment = qt.QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUTF8", "1")
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert("PYTHONUNBUFFERED", "1")
        self._process.setProcessEnvironment(environment)
        self._process.start(self._program, [str(WORKER)])

    def write(self, data: bytes) -> None:
        """Write to its standard input."""
        self._process.write(data)

    def closeInput(self) -> None:
        """Close its standard input; the worker ends by itself, also behind the launcher."""
        self._process.closeWriteChannel()

    def kill(self) -> None:
        """End the launcher; the Python behind it sees its input close and ends too."""
        self._process.closeWriteChannel()
        self._process.kill()
        # A process that is killed is gone at once; Qt must see it before the object goes.
        self._process.waitForFinished(1000)

    def later(self, milliseconds: int, action: Callable[[], None]) -> None:
        """Call `action` after some time."""
        qt.QTimer.singleShot(milliseconds, action)

    def _readOutput(self) -> None:
        self.outputRead(bytes(self._process.readAllStandardOutput().data()))

    def _readError(self) -> None:
        self.errorRead(bytes(self._process.readAllStandardError().data()))

    def _finished(self, code: int, status: int) -> None:
        self._readOutput()
        self._readError()
        self.finished(int(code), status != qt.QProcess.NormalExit)

    def _failed(self, error: int) -> None:
        if error == qt.QProcess.FailedToStart:
            self.failedToStart(f"{self._program}: {self._process.errorString()}")
