"""Damaged files and messages for every reader: `python3 Testing/fuzz.py --minutes N`; each must end in one sentence.

A child process reads them, so that a crash or a hang of a library is seen and named as well; it gets a limited memory
where the system limits that. What is found stays in output/fuzz, one folder for all, and so does the tally: another run
goes on from there with other inputs.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from environment import REPOSITORY
from environment import TESTING
from environment import run_inside

INSIDE, CHILD = "--inside", "--child"
FINDS = REPOSITORY / "output" / "fuzz"
TALLY = "tally.json"
# Of the clock for a hang, of the processor for something slow: other programs may keep it busy.
LONGEST_S = 180.0
LONGEST_COMPUTING_S = 3.0
# What one input may take beyond what all before it took, and what no process may take at all.
MOST_MEMORY_MB = 700
LIMIT_MB = 3000
SECONDS_OF_A_CHILD = 3600.0
LONGEST_START_S = 600.0
SLICE_S = 0.5
# Of the clock, in turns of the processor: some readers let another process work.
LONGEST_TURN = 10


def main(arguments: list[str]) -> int:
    """Start children until the time is over; returns 1 where anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N")
    parser.add_argument("--finds", type=Path, default=FINDS, metavar="FOLDER", help="of finds and tally")
    parser.add_argument("--only", nargs="+", default=[], metavar="READER", help="such as 'model card'")
    options = parser.parse_args(arguments)
    end, found_now = time.monotonic() + 60 * options.minutes, 0
    tally = _tally(options.finds)
    while (left := end - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory(dir=folder_in_memory()) as folder:
            report = _child(
                Path(folder), tally["seed"], min(left, SECONDS_OF_A_CHILD), options.finds, options.only
            )
        found_now += len(report["finds"])
        tally["seed"] += 1
        tally["counts"] = dict(Counter(tally["counts"]) + Counter(report["counts"]))
        tally["finds"] += report["finds"]
        tally["memory_mb"] = max(tally["memory_mb"], report["memory_mb"])
        options.finds.mkdir(parents=True, exist_ok=True)
        (options.finds / TALLY).write_text(json.dumps(tally, indent=1), encoding="utf-8")
    _tell(tally)
    return 1 if found_now else 0


def _tally(folder: Path) -> dict[str, Any]:
    path = folder / TALLY
    if path.is_file():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    return {"seed": 0, "counts": {}, "finds": [], "memory_mb": 0}


def _tell(tally: dict[str, Any]) -> None:
    for name, count in sorted(tally["counts"].items()):
        print(f"{name}: {count:,}")
    total, finds = sum(tally["counts"].values()), tally["finds"]
    print(f"{total:,} inputs, {len(finds)} finds, at most {tally['memory_mb']} MB more than at the start")
    for find in finds:
        print(f"  {find}")


def folder_in_memory() -> str | None:
    """A folder of the system that never reaches a disk; None where there is none."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


def _child(folder: Path, seed: int, seconds: float, finds: Path, only: list[str]) -> dict[str, Any]:
    """What one child reports; where it died or hung, that is a find and its last input is kept."""
    work, report, beat = folder / "work", folder / "report.json", folder / "beat"
    beat.write_bytes(bytes(8))
    given = [str(path) for path in (work, report, beat, finds)]
    process = subprocess.Popen(
        [sys.executable, __file__, CHILD, *given, str(seed), str(seconds), *only], stderr=subprocess.DEVNULL
    )
    heard, since = bytes(8), time.monotonic()
    try:
        while process.poll() is None:
            time.sleep(0.2)
            if (now := beat.read_bytes()) != heard:
                heard, since = now, time.monotonic()
            if time.monotonic() - since > (LONGEST_S if any(heard) else LONGEST_START_S):
                process.kill()
                process.wait()
                return _lost(report, f"no answer for {LONGEST_S:g} s", finds)
    finally:
        if process.poll() is None:
            process.kill()
    if process.returncode != 0:
        return _lost(report, f"the process ended with code {process.returncode}", finds)
    return dict(json.loads(report.read_text(encoding="utf-8")))


def _lost(report: Path, what: str, finds: Path) -> dict[str, Any]:
    values: dict[str, Any] = {"counts": {}, "finds": [], "memory_mb": 0, "target": "start", "input": ""}
    if report.exists():
        values = json.loads(report.read_text(encoding="utf-8"))
    values["finds"].append(
        f"{values['target']}: {what} at {_keep(values['target'], Path(values['input']), finds)}"
    )
    return values


def _keep(target: str, file: Path, finds: Path) -> Path:
    finds.mkdir(parents=True, exist_ok=True)
    kept = finds / f"{target.replace(' ', '-')}-{len(list(finds.iterdir())):04d}-{file.name}"
    if file.is_file():
        shutil.copyfile(file, kept)
    return kept


class _Reading:
    """The child: damages, reads and counts, each reader for the same time of the processor in turn."""

    def __init__(self, work: Path, report: Path, beat: Path, finds: Path) -> None:
        self._report, self._finds = report, finds
        self._beat_file = open(beat, "r+b")  # noqa: SIM115 - as long as the process
        self._beat = mmap.mmap(self._beat_file.fileno(), 8)
        self._outside = _written_outside(work)
        self._counts: Counter[str] = Counter()
        self._found: list[str] = []
        self._seen: set[str] = set()
        self._begun, self._memory = 0, 0

    def go_on(self, targets: list[Any], chance: random.Random, seconds: float) -> None:
        """Read damaged inputs until the time is over; each reader gets one at least."""
        valid = {target.name: target.valid() for target in targets}
        self._outside.clear()
        self._begun = self._memory = memory_mb()
        _limit_memory()
        end, turn_s = time.monotonic() + seconds, min(SLICE_S, seconds / len(targets) / 2)
        self._write("start", Path())
        while time.monotonic() < end:
            for target in targets:
                self._write(target.name, target.path)
                until, longest = (
                    time.process_time() + turn_s,
                    min(end, time.monotonic() + LONGEST_TURN * turn_s),
                )
                while True:
                    target.path.write_bytes(target.mutate(valid[target.name], chance))
                    self._read(target)
                    if time.process_time() >= until or time.monotonic() >= longest:
                        break
                target.path.write_bytes(valid[target.name])
        self._write("end", Path())

    def _read(self, target: Any) -> None:
        struct.pack_into("<Q", self._beat, 0, sum(self._counts.values()) + 1)
        began = time.process_time()
        problem = _problem(target)
        self._counts[target.name] += 1
        memory = memory_mb()
        grown, self._memory = memory - self._memory, memory
        if time.process_time() - began > LONGEST_COMPUTING_S:
            problem = f"slow, {time.process_time() - began:.1f} s of computing"
        if grown > MOST_MEMORY_MB:
            problem = f"memory, {grown} MB more"
        if self._outside:
            problem = f"written outside: {self._outside.pop()}"
        kind = f"{target.name}: {problem[:60]}"
        if problem and kind not in self._seen:
            self._seen.add(kind)
            kept = _keep(target.name, target.path, self._finds)
            self._found.append(f"{target.name}: {problem[:200]} at {kept}")
            self._outside.clear()

    def _write(self, target: str, path: Path) -> None:
        values = {
            "counts": self._counts,
            "finds": self._found,
            "memory_mb": self._memory - self._begun,
            "target": target,
            "input": str(path),
        }
        temporary = self._report.with_suffix(".part")
        temporary.write_text(json.dumps(values))
        os.replace(temporary, self._report)


def _problem(target: Any) -> str:
    """What is wrong with how a reader took its input; empty where nothing is."""
    from PatientSpecificTuningLib.engine.errors import InputError

    try:
        target.read()
    except InputError as error:
        if len(str(error).splitlines()) > 1 and "manifest" not in target.name:
            return "more than one line"
        return "memory, not refused before it was taken" if "too large for the memory" in str(error) else ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _read_damaged(arguments: list[str]) -> None:
    work, report, beat, finds = map(Path, arguments[:4])
    seed, seconds, only = int(arguments[4]), float(arguments[5]), arguments[6:]
    # What is only temporary goes beside the valid files, so that everything else counts as outside.
    tempfile.tempdir = str(work.parent / "temporary")
    Path(tempfile.tempdir).mkdir()
    sys.path[:0] = [str(TESTING / "Python")]
    # Small files gain nothing from threads, and waking them takes longer than the work.
    os.environ["OMP_NUM_THREADS"] = "1"
    import fuzz_targets
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    reading = _Reading(work, report, beat, finds)
    chosen = [target for target in fuzz_targets.targets(work) if not only or target.name in only]
    reading.go_on(chosen, random.Random(seed), seconds)
    # What is left to tidy is the parent's; libraries that end slowly would look like a hang.
    os._exit(0)


def _written_outside(work: Path) -> list[str]:
    """A list to which every file that is opened for writing or removed outside the folder is added."""
    found: list[str] = []
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def hear(event: str, arguments: tuple) -> None:
        if event == "open" and not (arguments[2] or 0) & writing:
            return
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike):
                text = os.path.abspath(os.fsdecode(path))
                if not text.startswith((str(work.parent), os.path.devnull)) and "__pycache__" not in text:
                    found.append(f"{event} {text}")

    sys.addaudithook(hear)
    return found


def _limit_memory() -> None:
    """No input can take the memory of the whole computer, where the system knows such a limit."""
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (LIMIT_MB << 20), resource.RLIM_INFINITY))
    except (ImportError, OSError, ValueError):
        return


def memory_mb() -> int:
    """The most memory that this process has had, 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // (1 << 20) if sys.platform == "darwin" else most // 1024


if __name__ == "__main__":
    if CHILD in sys.argv:
        _read_damaged(sys.argv[2:])
    elif INSIDE in sys.argv:
        sys.exit(main([argument for argument in sys.argv[1:] if argument != INSIDE]))
    else:
        sys.exit(run_inside([__file__, INSIDE, *sys.argv[1:]]))
