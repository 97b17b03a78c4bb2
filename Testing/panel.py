"""Open the module without Slicer: in a window, as a picture, or driven through the sample case with pictures."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from environment import run_inside

TESTING = Path(__file__).resolve().parent
MODULE = TESTING.parent / "PatientSpecificTuning"
VIEW_SIZE = (620, 620)


def main() -> int:
    """Set up what is needed, then open the panel there."""
    if "--inside" not in sys.argv:
        return run_inside([str(Path(__file__).resolve()), "--inside", *sys.argv[1:]])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--pictures", type=Path, help="drive the sample case and write pictures into this folder"
    )
    parser.add_argument("--picture", type=Path, help="draw the panel as it opens into this PNG")
    parser.add_argument("--model", help="name or folder of the base model that the pictures show")
    options = parser.parse_args()
    sys.path[:0] = [str(MODULE), str(TESTING)]
    drawn = options.picture or options.pictures
    if drawn is None:
        # The stand-in draws offscreen unless a platform is named.
        os.environ.setdefault("QT_QPA_PLATFORM", "windows" if os.name == "nt" else "xcb")
    import Standin

    application = Standin.start()
    widget = _openModule()
    if options.picture is not None:
        from Standin.pictures import panelPicture

        panelPicture(widget.parent, options.picture)
    if options.pictures is not None:
        _story(widget, application, options.pictures, options.model)
    if drawn is None:
        from PySide6 import QtWidgets
        from Standin.pythonqt import unwrap

        unwrap(widget.parent).show()
        return QtWidgets.QApplication.exec()
    return 0


def _openModule():
    from Standin.scripted import openModule

    import PatientSpecificTuning

    return openModule(PatientSpecificTuning, MODULE / "PatientSpecificTuning.py")


def _story(widget, application, folder: Path, model: str | None) -> None:
    """Load, prepare, accept what is known of the proposed slices, tune, segment and look."""
    from PatientSpecificTuningLib.engine.network.model_choice import choose_model
    from Standin.pictures import SliceView
    from Standin.pictures import panelPicture
    from Standin.pictures import viewsPicture

    folder.mkdir(parents=True, exist_ok=True)
    ui, logic = widget.ui, widget.logic
    widget.enter()
    logic.parameters().model = str(choose_model(model))
    ui.sampleButton.click()
    logic.parameters().caseFolder = str(folder / "case")
    _finish(ui.prepareButton, logic, application)
    _takeKnownLesions(logic)
    red, yellow = (SliceView(name, VIEW_SIZE) for name in ("Red", "Yellow"))
    red.fit()
    viewsPicture([red], folder / "correct.png")
    ui.patientSection.collapsed = True
    panelPicture(widget.parent, folder / "panel_correct.png")
    for _ in range(ui.sliceTable.rowCount):
        ui.correctedButton.click()
        ui.nextButton.click()
    _finish(ui.tuneButton, logic, application)
    _finish(ui.evaluateButton, logic, application)
    ui.compareButton.click()
    ui.lesionTable.setCurrentCell(0, 0)
    for view in (red, yellow):
        view.fit()
    viewsPicture([red, yellow], folder / "compare.png")
    ui.correctSection.collapsed = True
    panelPicture(widget.parent, folder / "panel_review.png")
    print(ui.resultLabel.text)
    widget.cleanup()


def _finish(button, logic, application) -> None:
    button.click()
    while logic.isBusy:
        application.processEvents()


def _takeKnownLesions(logic) -> None:
    """The corrections that a careful reader of the phantom would draw: its known lesions."""
    import slicer
    from PatientSpecificTuningLib.engine.cohort.sample_cases import sample_folder

    known = slicer.util.loadLabelVolume(
        str(sample_folder(logic.modelCard().organ) / "baseline_lesions.nii.gz")
    )
    corrections = logic.corrections()
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        slicer.util.arrayFromVolume(known),
        corrections.node,
        corrections.segmentId,
        logic.shownVolume("baseline"),
    )
    slicer.mrmlScene.RemoveNode(known)


if __name__ == "__main__":
    sys.exit(main())
