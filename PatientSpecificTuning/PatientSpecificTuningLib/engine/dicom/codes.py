"""Standard codes for what is found, where, and what is measured; a private scheme where the standard has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept

# Value, scheme and meaning.
Code = tuple[str, str, str]

PRIVATE = "99PST"
ABNORMAL: Code = ("49755003", "SCT", "Morphologically Abnormal Structure")
LESION: Code = ("52988006", "SCT", "Lesion")
ORGANS: dict[str, Code] = {"brain": ("12738006", "SCT", "Brain"), "liver": ("10200004", "SCT", "Liver")}
ANYWHERE: Code = ("123037004", "SCT", "Anatomical Structure")
PROCEDURE: Code = ("126000", "DCM", "Imaging Measurement Report")
NETWORK: Code = ("123110", "DCM", "Artificial Intelligence")
VOLUME: Code = ("118565006", "SCT", "Volume")
CUBIC_MM: Code = ("mm3", "UCUM", "cubic millimeter")
NO_UNITS: Code = ("1", "UCUM", "no units")
BASELINE_VOLUME: Code = ("baseline-volume", PRIVATE, "Volume in the baseline examination")
# By column of the lesion table.
MEASURES: dict[str, Code] = {
    "mean_probability": ("mean-probability", PRIVATE, "Mean lesion probability"),
    "mean_sd": ("mean-sd", PRIVATE, "Mean standard deviation of the lesion probability"),
    "max_sd": ("max-sd", PRIVATE, "Largest standard deviation of the lesion probability"),
    "extent_uncertainty": ("extent-uncertainty", PRIVATE, "Uncertainty of the extent of the lesion"),
}
CHANGE: Code = ("change", PRIVATE, "Sure change since the baseline")
CHANGES: dict[str, Code] = {
    "new": ("7147002", "SCT", "New"),
    "grown": ("35105006", "SCT", "Increased"),
    "shrunk": ("1250004", "SCT", "Decreased"),
}


def concept(code: Code) -> CodedConcept:
    """A code as the library takes it."""
    from highdicom.sr import CodedConcept

    return CodedConcept(*code)


def organ_code(organ: str) -> Code:
    """Where lesions of a model for this organ lie."""
    return ORGANS.get(organ.lower(), ANYWHERE)
