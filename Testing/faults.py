"""Every fault at every change of a case's and of a study's life: `python3 Testing/faults.py`, or every n-th: --every N.

A run that was interrupted goes on where it was, as long as the program is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from environment import REPOSITORY
from environment import TESTING
from environment import run_inside
from fuzz import folder_in_memory

INSIDE = "--inside"
DONE = REPOSITORY / "output" / "faults.json"


def main() -> None:
    """Try the faults and print how many there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every n-th fault")
    parser.add_argument("--only", choices=("case", "study"))
    parser.add_argument("--step", nargs="+", default=[], metavar="NAME", help="such as tune; all by default")
    options = parser.parse_args([argument for argument in sys.argv[1:] if argument != INSIDE])
    # Small images gain nothing from threads, and waking them takes longer than the work.
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path[:0] = [str(TESTING / "Python")]
    import SimpleITK as sitk
    from fault_story import Story
    from fault_story import every_fault
    from PatientSpecificTuningLib.engine.case.provenance import source_hash
    from study_story import StudyStory

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    began = time.monotonic()
    for name, kind in (("case", Story), ("study", StudyStory)):
        if options.only not in (None, name):
            continue
        key = ", ".join([name, f"every {options.every}", *options.step, source_hash()])
        first = _done().get(key, -1) + 1
        with tempfile.TemporaryDirectory(dir=folder_in_memory()) as folder:
            place = Path(folder)
            story = every_fault(
                place,
                kind=kind,
                every=options.every,
                first=first,
                only=options.step,
                tell=_telling(name),
                done=_keeping(key),
            )
        if first:
            print(f"{name}: {first} of {4 * sum(story.points.values())} faults were tried before")
    print(f"nothing was lost; {time.monotonic() - began:.0f} s")


def _telling(name: str) -> Callable[[str], None]:
    return lambda text: print(f"{name}: {text}", flush=True)


def _done() -> dict[str, int]:
    return dict(json.loads(DONE.read_text(encoding="utf-8"))) if DONE.exists() else {}


def _keeping(key: str) -> Callable[[int], None]:
    def keep(number: int) -> None:
        DONE.parent.mkdir(exist_ok=True)
        temporary = DONE.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({**_done(), key: number}), encoding="utf-8")
        os.replace(temporary, DONE)

    return keep


if __name__ == "__main__":
    if INSIDE in sys.argv:
        main()
    else:
        sys.exit(run_inside([__file__, INSIDE, *sys.argv[1:]]))
