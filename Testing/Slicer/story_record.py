"""What was seen: a line, a picture and the longest stall of the event loop for each step."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path

import qt
import slicer

TICK_MS = 5
PICTURES = "PST_STORY_PICTURES"
WINDOW = (1600, 900)


class StallMeter:
    """The longest time for which the event loop could not turn, in seconds, and the most that the thread computed in one.

    On a busy machine the two differ: other programs have the processor meanwhile.
    """

    def __init__(self) -> None:
        self.timer = qt.QTimer()
        self.timer.setInterval(TICK_MS)
        self.timer.connect("timeout()", self._tick)
        self.longest = (0.0, 0.0)
        self._last = (time.perf_counter(), time.thread_time())

    def _tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        passed, computed = (after - before for after, before in zip(now, self._last, strict=True))
        self.longest, self._last = (max(self.longest[0], passed), max(self.longest[1], computed)), now

    def start(self) -> None:
        """Measure from now on."""
        self.longest = (0.0, 0.0)
        self._last = (time.perf_counter(), time.thread_time())
        self.timer.start()

    def stop(self) -> tuple[float, float]:
        """Measure no more, and say what the longest stall was, and the most that was computed in one."""
        self._tick()
        self.timer.stop()
        return self.longest


class Record:
    """Prints each step of a story, and keeps its picture where a folder is named."""

    def __init__(self, story: str) -> None:
        self.story, self._number, self._meter = story, 0, StallMeter()
        named = os.environ.get(PICTURES, "")
        self.folder = Path(named) if named else None
        self.stalls: dict[str, float] = {}
        window = slicer.util.mainWindow()
        if window is not None:
            window.resize(*WINDOW)

    @contextmanager
    def step(self, title: str, panel=None):
        """One step: what happens inside is measured; the picture shows how it ended, whether well or not."""
        self._number += 1
        self._meter.start()
        before = time.perf_counter()
        outcome = "FAILED"
        try:
            yield
            outcome = "ok"
        except Exception as error:
            outcome = f"FAILED ({type(error).__name__}: {error})"
            raise
        finally:
            seconds, (stall, computed) = time.perf_counter() - before, self._meter.stop()
            self.stalls[title] = stall
            print(
                f"[{self.story} {self._number:02d}] {title}: {outcome}, {seconds:.1f} s,"
                f" stall {stall:.2f} s ({computed:.2f} s computing)",
                flush=True,
            )
            if panel is not None:
                print(f"      says {panel.said()!r}; views {panel.backgrounds()}", flush=True)
            self._picture(title)

    def _picture(self, title: str) -> None:
        window = slicer.util.mainWindow()
        if self.folder is None or window is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        slicer.app.processEvents()
        name = "".join(letter if letter.isalnum() else "_" for letter in title)
        window.grab().save(str(self.folder / f"{self.story}_{self._number:02d}_{name}.png"))


# What Slicer says of itself, with and without this module: where a scene of two segmentations is closed, where Paint
# becomes active while the mouse is over no view, and, as it saves the items of nodes that are not saved, where it puts the
# hierarchy of a loaded scene together.
SLICERS_OWN = (
    "so per-segment subject hierarchy node cannot be created",
    "Input port 0 of algorithm vtkTransformPolyDataFilter",
    "Segment subject hierarchy item's parent has no associated segmentation node",
    "Unable to find segmentation node for segment subject hierarchy item",
    "Unable to get segment for segment subject hierarchy item",
)


class LogWatch:
    """Errors that Slicer writes into its log while a story runs."""

    def __init__(self) -> None:
        self._path = Path(slicer.app.errorLogModel().filePath)
        self._start = self._size()

    def errors(self) -> list[str]:
        """Lines that tell of an error or of an exception in Python."""
        slicer.app.processEvents()
        if not self._path.is_file():
            return []
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._start)
            return [
                line.strip()
                for line in file
                if ("Traceback" in line or line.startswith(("[ERROR]", "[CRITICAL]", "[FATAL]")))
                and not any(own in line for own in SLICERS_OWN)
            ]

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.is_file() else 0
