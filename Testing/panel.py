"""Open the module without Slicer: in a window, or as a picture; needs a checkout of Slicer (SLICER_SOURCE)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from environment import run_inside

TESTING = Path(__file__).resolve().parent
MODULE = TESTING.parent / "PatientSpecificTuning"


def main() -> int:
    """Set up what is needed, then open the panel there."""
    if "--inside" not in sys.argv:
        return run_inside([str(Path(__file__).resolve()), "--inside", *sys.argv[1:]])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--picture", type=Path, help="draw the panel as it opens into this PNG")
    options = parser.parse_args()
    # The command slicer.py beside this file must not hide Slicer's own package.
    sys.path[:] = [str(MODULE), *(folder for folder in sys.path if folder != str(TESTING)), str(TESTING)]
    if options.picture is None:
        # The stand-in draws offscreen unless a platform is named.
        os.environ.setdefault("QT_QPA_PLATFORM", "windows" if os.name == "nt" else "xcb")
    import Standin

    try:
        Standin.start()
    except ImportError as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    widget = _openModule()
    if options.picture is not None:
        from Standin.pictures import panelPicture

        panelPicture(widget.parent, options.picture)
        return 0
    from PySide6 import QtWidgets
    from Standin.pythonqt import unwrap

    unwrap(widget.parent).show()
    return QtWidgets.QApplication.exec()


def _openModule():
    from Standin.scripted import openModule

    import PatientSpecificTuning

    return openModule(PatientSpecificTuning, MODULE / "PatientSpecificTuning.py")


if __name__ == "__main__":
    sys.exit(main())
