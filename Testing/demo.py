"""Run the whole method on the sample case or on your own scans: sets up what is needed, then runs the demo."""

from __future__ import annotations

import sys

from environment import run_inside

if __name__ == "__main__":
    sys.exit(run_inside(["-m", "PatientSpecificTuningLib", "demo", *sys.argv[1:]]))
