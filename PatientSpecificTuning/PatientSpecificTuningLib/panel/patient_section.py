"""Section 1: which images belong to the patient, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..engine.scan_files import find_examinations
from .logic import TuningLogic
from .sample_data import SAMPLE


class PatientSection:
    """Sample button and the sentence that says what is missing; the selectors are bound to the parameter node."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        ui.sampleButton.connect("clicked()", guarded(self.loadSample))

    def loadSample(self) -> None:
        """Load the sample case and choose its volumes."""
        found = find_examinations(SAMPLE)
        parameters = self.logic.parameters()
        parameters.caseFolder = ""
        for name, files in (("baseline", found.baseline), ("followup", found.followup)):
            title = {"baseline": _("Baseline"), "followup": _("Follow-up")}[name]
            flair, t1 = files.sequences["FLAIR"][0], files.sequences["T1"][0]
            setattr(parameters, f"{name}First", _loaded(flair, f"{title} FLAIR"))
            setattr(parameters, f"{name}Second", _loaded(t1, f"{title} T1"))
            mask = slicer.util.loadLabelVolume(
                str(files.organ_mask), {"name": f"{title} brain mask", "show": False}
            )
            setattr(parameters, f"{name}Mask", mask)

    def update(self) -> None:
        """Say what is wrong, or that everything is there."""
        problems = self.logic.problems()
        label = self.ui.problemsLabel
        if problems:
            label.text = "\n".join(f"\u2022 {problem}" for problem in problems)
        else:
            label.text = _("Both examinations are complete.")


def _loaded(path: Path, name: str):
    return slicer.util.loadVolume(str(path), {"name": name, "show": False})
