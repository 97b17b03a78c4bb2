"""A session with the real worker, timed from outside, as the panel has it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from PatientSpecificTuningLib.jobs import messages
from PatientSpecificTuningLib.jobs import worker

SECONDS_BETWEEN_LOOKS = 0.05


class WorkerSession:
    """One worker process; every request is waited for and timed."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader = messages.LineReader()
        self._count = 0
        self.peak_bytes: dict[str, int] = {}
        threading.Thread(target=self._watch_memory, daemon=True).start()

    def seconds(self, verb: str, **arguments: Any) -> float:
        """Ask, wait for the answer, and say how long that took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        began = time.perf_counter()
        request = {"id": self._count, "verb": verb, "arguments": arguments}
        self._process.stdin.write(messages.encode(request))
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            for message in self._reader.feed(line)[0]:
                if message["type"] == messages.ERROR:
                    raise SystemExit(message["message"])
                if message["type"] == messages.RESULT:
                    return time.perf_counter() - began
        text = f"The worker ended during {verb}."
        raise SystemExit(text)

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _watch_memory(self) -> None:
        """Largest resident memory, all of it and without mapped files; known on Linux only."""
        status = Path("/proc") / str(self._process.pid) / "status"
        while self._process.poll() is None and status.exists():
            try:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                found = {"all": lines["VmRSS"], "without_mapped_files": lines["RssAnon"]}
            except (OSError, KeyError):
                return
            for name, text in found.items():
                value = int(text.split()[0]) * 1024
                self.peak_bytes[name] = max(value, self.peak_bytes.get(name, 0))
            time.sleep(SECONDS_BETWEEN_LOOKS)
