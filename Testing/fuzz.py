"""Damaged files and messages for every reader: `python3 Testing/fuzz.py --minutes N`; each must end in one sentence.

A child process reads them, so that a crash or a hang of a library is seen and named as well. What is found stays in
output/fuzz, one folder for each find, with the file that did it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from environment import REPOSITORY
from environment import TESTING
from environment import run_inside

INSIDE, CHILD = "--inside", "--child"
FINDS = REPOSITORY / "output" / "fuzz"
# Of the clock for a hang, of the processor for something slow: other programs may keep it busy.
LONGEST_S = 60.0
LONGEST_COMPUTING_S = 3.0
MOST_MEMORY_MB = 700
SECONDS_OF_A_CHILD = 300.0
LONGEST_START_S = 600.0


def main(arguments: list[str]) -> int:
    """Start children until the time is over; returns 1 where anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--finds", type=Path, default=FINDS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    end, seed = time.monotonic() + 60 * options.minutes, options.seed
    counts: Counter[str] = Counter()
    finds: list[str] = []
    memory = 0
    while (left := end - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory() as folder:
            report = _child(Path(folder), seed, min(left, SECONDS_OF_A_CHILD), options.finds)
        counts.update(report["counts"])
        finds += report["finds"]
        memory = max(memory, report["memory_mb"])
        seed += 1
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    print(f"{sum(counts.values())} inputs, {len(finds)} finds, at most {memory} MB more than at the start")
    for find in finds:
        print(f"  {find}")
    return 1 if finds else 0


def _child(folder: Path, seed: int, seconds: float, finds: Path) -> dict:
    """What one child reports; where it died or hung, that is a find and its last input is kept."""
    work, report, last = folder / "work", folder / "report.json", folder / "last.json"
    command = [sys.executable, __file__, CHILD, str(work), str(report), str(last), str(seed), str(seconds)]
    process = subprocess.Popen([*command, str(finds)], stderr=subprocess.DEVNULL)
    beat = time.monotonic()
    heard = ""
    while process.poll() is None:
        time.sleep(0.2)
        said = last.read_text(encoding="utf-8") if last.exists() else ""
        if said != heard:
            heard, beat = said, time.monotonic()
        if time.monotonic() - beat > (LONGEST_S if heard else LONGEST_START_S):
            process.kill()
            process.wait()
            return _lost(report, last, f"no answer for {LONGEST_S:g} s", finds)
    if process.returncode != 0:
        return _lost(report, last, f"the process ended with code {process.returncode}", finds)
    return json.loads(report.read_text(encoding="utf-8"))


def _lost(report: Path, last: Path, what: str, finds: Path) -> dict:
    values = {"counts": {}, "finds": [], "memory_mb": 0}
    if report.exists():
        values = json.loads(report.read_text(encoding="utf-8"))
    said = json.loads(last.read_text(encoding="utf-8")) if last.exists() else {"target": "start", "input": ""}
    values["finds"].append(f"{said['target']}: {what} at {_keep(said['target'], Path(said['input']), finds)}")
    return values


def _keep(target: str, file: Path, finds: Path) -> Path:
    finds.mkdir(parents=True, exist_ok=True)
    kept = finds / f"{target.replace(' ', '-')}-{len(list(finds.iterdir())):04d}-{file.name}"
    if file.is_file():
        shutil.copyfile(file, kept)
    return kept


def _read_damaged(arguments: list[str]) -> None:
    """The child: damage, read, and count, until the time is over."""
    work, report, last = map(Path, arguments[:3])
    seed, seconds, finds = int(arguments[3]), float(arguments[4]), Path(arguments[5])
    sys.path[:0] = [str(TESTING / "Python")]
    import fuzz_targets
    from PatientSpecificTuningLib.engine.errors import InputError

    chance, counts, found = random.Random(seed), Counter(), []
    seen: set[str] = set()
    outside = _written_outside(work)
    chosen = [(target, target.valid()) for target in fuzz_targets.targets(work)]
    weights = [target.weight for target, _ in chosen]
    outside.clear()
    start, told, end = memory_mb(), 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        target, valid = chance.choices(chosen, weights)[0]
        target.path.write_bytes(target.mutate(valid, chance))
        if time.monotonic() - told > 0.5 or target.name.startswith(("image", "DICOM", "weights")):
            told = time.monotonic()
            last.write_text(
                json.dumps({"target": target.name, "input": str(target.path), "n": sum(counts.values())})
            )
        problem, began = "", time.process_time()
        try:
            target.read()
        except InputError as error:
            problem = (
                "more than one line"
                if len(str(error).splitlines()) > 1 and "manifest" not in target.name
                else ""
            )
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        counts[target.name] += 1
        if time.process_time() - began > LONGEST_COMPUTING_S:
            problem = f"{time.process_time() - began:.1f} s of computing"
        if outside:
            problem = f"written outside: {outside.pop()}"
        kind = f"{target.name}: {problem[:60]}"
        if problem and kind not in seen:
            seen.add(kind)
            found.append(f"{target.name}: {problem[:200]} at {_keep(target.name, target.path, finds)}")
            outside.clear()
        target.path.write_bytes(valid)
    grown = memory_mb() - start
    if grown > MOST_MEMORY_MB:
        found.append(f"memory grew by {grown} MB")
    report.write_text(json.dumps({"counts": counts, "finds": found, "memory_mb": grown}))


def _written_outside(work: Path) -> list[str]:
    """A list to which every file that is opened for writing or removed outside the folder is added."""
    import os

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
