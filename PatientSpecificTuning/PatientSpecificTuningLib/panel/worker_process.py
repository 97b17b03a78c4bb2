"""The worker of the panel: Slicer's Python in a process of Qt."""

from __future__ import annotations

from pathlib import Path

import slicer

from ..jobs.client import WorkerClient
from ..jobs.qt_process import QtProcess
from ..jobs.qt_process import findPython


def workerClient() -> WorkerClient:
    """A client that starts the worker with its first request."""
    home = Path(slicer.app.slicerHome)
    program = findPython((str(home), str(home / "bin")))
    return WorkerClient(lambda: QtProcess(program))
