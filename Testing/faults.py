"""Every fault at every change of a case's life: `python3 Testing/faults.py`, or every n-th with --every N."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from environment import TESTING
from environment import run_inside

INSIDE = "--inside"


def main() -> None:
    """Try the faults and print how many there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every n-th fault")
    options = parser.parse_args([argument for argument in sys.argv[1:] if argument != INSIDE])
    sys.path[:0] = [str(TESTING / "Python")]
    from fault_story import every_fault

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        every_fault(Path(folder), every=options.every)
    print(f"nothing was lost; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    if INSIDE in sys.argv:
        main()
    else:
        sys.exit(run_inside([__file__, INSIDE, *sys.argv[1:]]))
