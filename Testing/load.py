"""Inputs as large as they come, with the memory that each takes: `python3 Testing/load.py`, or --only NAME."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import TESTING
from environment import run_inside

INSIDE, ONE = "--inside", "--one"
SIZES: dict[str, float] = {
    "large_volume": 300,
    "many_phases": 64,
    "many_lesions": 1000,
    "many_versions": 200,
    "many_patients": 1000,
    "many_tunings": 200,
    "slow_disk": 0.2,
}


def main(arguments: list[str]) -> int:
    """Run each story in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SIZES)
    parser.add_argument("--size", type=float, help="another size than the largest, with --only")
    options = parser.parse_args(arguments)
    codes = []
    for name, size in SIZES.items():
        if options.only in (None, name):
            codes.append(subprocess.call([sys.executable, __file__, ONE, name, str(options.size or size)]))
    return max(codes)


def _one(name: str, size: float) -> None:
    sys.path[:0] = [str(TESTING / "Python")]
    import load_stories
    from fuzz import memory_mb

    before, began = memory_mb(), time.monotonic()
    story = getattr(load_stories, name)
    more = {"memory": memory_mb} if name == "many_tunings" else {}
    with tempfile.TemporaryDirectory() as folder:
        said = story(Path(folder), size if size < 1 else int(size), **more)
    print(f"{said}: {time.monotonic() - began:.1f} s, {memory_mb() - before} MB", flush=True)


if __name__ == "__main__":
    if ONE in sys.argv:
        _one(sys.argv[2], float(sys.argv[3]))
    elif INSIDE in sys.argv:
        sys.exit(main([argument for argument in sys.argv[1:] if argument != INSIDE]))
    else:
        sys.exit(run_inside([__file__, INSIDE, *sys.argv[1:]]))
