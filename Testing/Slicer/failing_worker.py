"""The worker, made to fail once in the way that a story asks for; started instead of worker.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parents[2] / "PatientSpecificTuning"
FAILURE, DONE = "PST_STORY_FAILURE", "PST_STORY_FAILED"
HALF_INSTALLED = "half installed torch"


def fail_once(verb: str) -> None:
    """Let a verb run out of memory, the first time it is asked for."""
    from PatientSpecificTuningLib.jobs import verbs

    run = verbs.run

    def failing(asked: str, arguments: dict, *heard):
        done = Path(os.environ[DONE])
        if asked == verb and not done.exists():
            done.write_text("", encoding="utf-8")
            message = "CUDA out of memory. Tried to allocate 20.00 GiB"
            raise RuntimeError(message)
        return run(asked, arguments, *heard)

    verbs.run = failing


def main() -> None:
    sys.path[0] = str(PACKAGE_ROOT)
    wanted = os.environ.get(FAILURE, "")
    if wanted == HALF_INSTALLED:
        # What an interrupted installation leaves: a package without contents.
        sys.path.insert(0, os.environ[DONE])
    elif wanted:
        fail_once(wanted)
    from PatientSpecificTuningLib.jobs import worker

    worker.main()


if __name__ == "__main__":
    main()
