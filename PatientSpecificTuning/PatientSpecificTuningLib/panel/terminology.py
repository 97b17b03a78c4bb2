"""Standard codes of what is segmented, so that exported segments say what they are."""

from __future__ import annotations

from pathlib import Path

import slicer

CONTEXT = "Segmentation category and type - PatientSpecificTuning"
TERMS = (
    Path(__file__).parents[2]
    / "Resources"
    / "Terminology"
    / "SegmentationCategoryTypeModifier-PatientSpecificTuning.term.json"
)
LESION_TAG = (
    "TerminologyEntry",
    f"{CONTEXT}~SCT^49755003^Morphologically Altered Structure~SCT^52988006^Lesion"
    "~^^~Anatomic codes - DICOM master list~^^~^^",
)


def loadTerminology() -> None:
    """Make the term known; Slicer's own list of altered structures has no plain lesion."""
    slicer.modules.terminologies.logic().LoadTerminologyFromFile(str(TERMS))
