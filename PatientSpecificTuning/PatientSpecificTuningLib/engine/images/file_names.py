"""What the names of image files and their folders say: which visit, and which sequence or mask."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .channels import b_value
from .channels import phase_number
from .formats import IMAGE_SUFFIXES

_BASELINE = {"baseline", "base", "bl", "prior", "before", "first"}
_FOLLOWUP = {"followup", "follow", "fu", "current", "after", "second"}
_UP = {"up"}
_VISIT = re.compile(r"(?:timepoint|time|tp|visit|study|session|ses|scan|exam|examination)(\d+)")
_VISIT_WORDS = {"timepoint", "time", "tp", "visit", "study", "session", "ses", "scan", "exam", "examination"}
SEQUENCES = {
    "DCE": {"dce", "dynamic", "dyn"},
    "DWI": {"dwi", "dw", "diffusion"},
    "FLAIR": {"flair", "t2flair"},
    "T1": {"t1", "t1w", "mprage", "t1mprage", "t1n", "spgr", "bravo"},
    "T2": {"t2", "t2w"},
    "PD": {"pd", "pdw"},
    "T1C": {"t1c", "t1ce", "t1gd", "t1post", "t1km"},
}
# Sequences that may lie in several files, one for each phase or b-value.
SERIES = {"DCE", "DWI"}
_PHASE = re.compile(r"(?:phase|ph)\d+")
# A lone b1 is a map of the transmit field.
_B_VALUE = re.compile(r"b(?:val(?:ue)?)?(?:0|\d{2,})")
_ORGAN = {"brain", "liver", "organ", "bet", "brainmask", "livermask", "organmask", "betmask", "icv"}
_LESION = {
    "lesion",
    "lesions",
    "wmh",
    "gt",
    "groundtruth",
    "consensus",
    "expert",
    "manual",
    "label",
    "labels",
}
_LESION |= {"seg", "segmentation", "metastases", "metastasis", "mets", "lesionmask", "reference"}
_CHANGE = {"change", "changes"}
SHARED_ROLES = {"organ_mask", "change"}
_FILLER = {"mask", "masks", "image", "img", "volume", "truth", "ground", "anat", "mr", "mri"}
_NOT_A_ROLE = {"sign", "probability", "prob", "uncertainty", "transform", "adc"}
SKIPPED_FOLDERS = {"raw"}
_EXPLAINED = _FILLER | _ORGAN | _LESION | _CHANGE | set().union(*SEQUENCES.values())


@dataclass(frozen=True)
class NamedFile:
    """A file and what its name says.

    Attributes:
        visit: "baseline", "followup", "visit N", or empty.
        role: a sequence, "organ_mask", "lesions", "change", "mask", or empty.
        unexplained: how many words of the name say nothing known.
        number: its phase or b-value, None where the name tells none.
    """

    path: Path
    visit: str
    role: str
    unexplained: int
    number: int | None


def named_file(path: Path, relative: Path) -> NamedFile:
    """What a file is by its own name and those of its folders.

    Args:
        relative: its path inside the folder that is searched.
    """
    folder_visit, folder_words = _split_visit([word for part in relative.parts[:-1] for word in _words(part)])
    visit, words = _split_visit(_words(_stem(relative.name)))
    for part in relative.parts[:-1]:
        rest = _without_timepoint(part.lower(), words)
        if rest is not None:
            visit, words, folder_words = f"visit {int(part[1:])}", rest, []
    role = _role(set(words), path) or _role(set(words + folder_words), path)
    # Folder names say where, not what, so only the file's own words count as unexplained.
    unexplained = sum(word not in _EXPLAINED for word in words)
    number = b_value(relative.name) if role == "DWI" else phase_number(relative.name)
    return NamedFile(path, visit or folder_visit, role, unexplained, number)


def _without_timepoint(folder: str, words: list[str]) -> list[str] | None:
    """The words without the time point, where the folder is one as in P1/T2/P1_T2_FLAIR; None where it is not.

    A folder T1 that holds T1.nii.gz is a sequence: nothing would be left to tell what the file is.
    """
    if not re.fullmatch(r"t[1-9]", folder) or folder not in words:
        return None
    rest = list(words)
    rest.remove(folder)
    return rest if _role(set(rest), Path("x.nii")) else None


def _stem(name: str) -> str:
    suffix = next(s for s in IMAGE_SUFFIXES if name.lower().endswith(s))
    return name[: -len(suffix)]


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    # "phase_03" and "b=150" are one word each.
    joined = re.sub(r"(?<![a-z0-9])(phase|ph|b|bval|bvalue)[ _=-]+(?=\d)", r"\1", spaced)
    return [word for word in re.split(r"[^a-z0-9]+", joined) if word]


def _split_visit(words: list[str]) -> tuple[str, list[str]]:
    """The visit that the words name and the words that are left; the last mention wins."""
    visit, rest = "", []
    i = 0
    while i < len(words):
        word, following = words[i], words[i + 1] if i + 1 < len(words) else ""
        numbered = _VISIT.fullmatch(word)
        if numbered:
            visit = f"visit {int(numbered[1])}"
        elif word in _VISIT_WORDS and following.isdigit():
            visit = f"visit {int(following)}"
            i += 1
        elif word in _BASELINE:
            visit = "baseline"
        elif word in _FOLLOWUP:
            visit = "followup"
            i += following in _UP
        else:
            rest.append(word)
        i += 1
    return visit, rest


def sequence_of(path: Path) -> str:
    """The sequence that the name of a file or DICOM folder tells; empty where it tells none."""
    name = path.name if path.name.lower().endswith(IMAGE_SUFFIXES) else f"{path.name}.nii"
    role = _role(set(_split_visit(_words(_stem(name)))[1]), path)
    return role if role in SEQUENCES else ""


def visit_order(visit: str) -> tuple[int, int]:
    """By what visits are sorted, the earliest first."""
    if visit.startswith("visit"):
        return 1, int(visit.split()[1])
    return (0, 0) if visit == "baseline" else (2, 0)


def _role(words: set[str], path: Path) -> str:
    if words & _NOT_A_ROLE:
        return ""
    if words & _CHANGE:
        return "change"
    if words & _LESION:
        return "lesions"
    if ("mask" in words and words & _ORGAN) or words & {"brainmask", "livermask", "organmask", "betmask"}:
        return "organ_mask"
    if "mask" in words:
        return "mask"
    if words & SEQUENCES["FLAIR"]:
        return "FLAIR"
    if words & SEQUENCES["DCE"] or any(map(_PHASE.fullmatch, words)):
        return "DCE"
    if words & SEQUENCES["DWI"] or any(map(_B_VALUE.fullmatch, words)):
        return "DWI"
    sequence = next((name for name in ("T1C", "T1", "T2", "PD") if words & SEQUENCES[name]), "")
    return sequence or ("mask" if path.name.lower().endswith(".seg.nrrd") else "")
