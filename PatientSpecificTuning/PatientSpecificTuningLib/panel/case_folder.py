"""Where cases are kept, by the application's settings, and which folder belongs to which images."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer

SETTING = "PatientSpecificTuning/CasesFolder"


def defaultCasesFolder() -> Path:
    """Where cases are kept unless the user says otherwise."""
    return Path.home() / "PatientSpecificTuning"


def casesFolder() -> Path:
    """The folder of all cases."""
    return Path(slicer.util.settingsValue(SETTING, "") or defaultCasesFolder())


def setCasesFolder(folder: Path) -> None:
    """Keep new cases there; those that are elsewhere stay where they are."""
    qt.QSettings().setValue(SETTING, str(folder))


def isCasesFolderChosen() -> bool:
    """Whether the user has ever said where cases are kept."""
    return bool(slicer.util.settingsValue(SETTING, ""))
