"""Measure the interactive loop against a plain reference in the same run: sets up what is needed, then measures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from environment import run_inside

if __name__ == "__main__":
    sys.exit(run_inside([str(Path(__file__).with_name("interactive_loop.py")), *sys.argv[1:]]))
