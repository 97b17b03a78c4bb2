"""Standard codes of what is segmented, so that exported segments say what they are."""

from __future__ import annotations

import slicer

from ...engine.files.resources import RESOURCES

CONTEXT = "Segmentation category and type - PatientSpecificTuning"
TERMS = RESOURCES / "Terminology" / "SegmentationCategoryTypeModifier-PatientSpecificTuning.term.json"
LESION_TAG = (
    "TerminologyEntry",
    f"{CONTEXT}~SCT^49755003^Morphologically Altered Structure~SCT^52988006^Lesion"
    "~^^~Anatomic codes - DICOM master list~^^~^^",
)


def loadTerminology() -> None:
    """Make the term known; Slicer's own list of altered structures has no plain lesion."""
    slicer.modules.terminologies.logic().LoadTerminologyFromFile(str(TERMS))
