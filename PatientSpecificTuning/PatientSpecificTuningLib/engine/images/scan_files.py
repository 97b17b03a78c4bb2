"""Which file of a folder is which examination, sequence or mask, found by the names that other tools give."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from ..errors import InputError
from ..files.decimal_points import decimal_points
from .file_names import SEQUENCES
from .file_names import SERIES
from .file_names import SHARED_ROLES
from .file_names import SKIPPED_FOLDERS
from .file_names import NamedFile
from .file_names import named_file
from .file_names import sequence_of
from .file_names import visit_order
from .formats import IMAGE_SUFFIXES
from .formats import require_utf8
from .text_header import text_header_problem


@dataclass
class ExaminationFiles:
    """The files of one examination: sequences by name, organ mask and known lesions where there are any.

    Attributes:
        channels: for a sequence, which of its volumes, counted from 1, serves each channel of the model; a sequence
            that is not named here has one volume for each channel.
    """

    sequences: dict[str, list[Path]] = field(default_factory=dict)
    organ_mask: Path | None = None
    lesions: Path | None = None
    channels: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class FoundFiles:
    """What a folder holds; `notes` says in one line each which file was taken for what."""

    baseline: ExaminationFiles
    followup: ExaminationFiles | None
    change_mask: Path | None
    notes: list[str]


def find_examinations(folder: Path, *, match: str = "") -> FoundFiles:
    """Find the roles of the images in a folder by file and folder names, whatever their case and separators.

    The visits are told by words such as baseline and followup or by numbers such as timepoint1, study2, ses-02;
    the two lowest numbers are baseline and follow-up. A folder without such words holds a single examination,
    which becomes the baseline. A mask without a visit in its name serves both.

    Args:
        folder: searched with its subfolders.
        match: only files whose path inside the folder contains this text are looked at.

    Of files with the same name in different folders, as for several resolutions of one scan, the one with the
    fewest voxels is taken. Files of a sequence whose names tell phases or b-values are its channels, in the order of
    these numbers, unless one file holds them all.

    Raises:
        InputError: no folder, no images, no sequence, or two files that fit the same role equally well.
    """
    folder = Path(folder)
    if not folder.is_dir():
        message = f"The case folder {folder} does not exist; check the path."
        raise InputError(message)
    candidates = [c for c in map(named_file, *_relative_paths(folder, match)) if c.role]
    visits = sorted({c.visit for c in candidates if c.visit}, key=visit_order)
    notes = []
    if len(visits) > 2:
        notes.append(f"Of the examinations {', '.join(visits)} the first two are used.")
    common = [c for c in candidates if not c.visit and (not visits or c.role in SHARED_ROLES)]
    shared = _take_roles(common, notes, "both examinations" if visits else "single examination")
    examinations = [
        _with_shared(_take_roles([c for c in candidates if c.visit == v], notes, v), shared)
        for v in visits[:2]
    ] or [shared]
    found = [_examination(roles) for roles in examinations]
    if not found[0].sequences:
        message = (
            f"No MR sequence was recognised by its name in {folder}; name the files like baseline_FLAIR.nii.gz"
            " or give them with --baseline and --followup."
        )
        raise InputError(message)
    change = next((roles["change"][0] for roles in examinations if "change" in roles), None)
    return FoundFiles(found[0], found[1] if len(found) > 1 else None, change, notes)


def _relative_paths(folder: Path, match: str) -> tuple[list[Path], list[Path]]:
    paths = sorted(p for p in folder.rglob("*") if p.name.lower().endswith(IMAGE_SUFFIXES) and p.is_file())
    inside = [p.relative_to(folder) for p in paths]
    for path in paths:
        require_utf8(path, "image")
    kept = [
        i
        for i, relative in enumerate(inside)
        if match in relative.as_posix()
        and not any(part.startswith(".") or part.lower() in SKIPPED_FOLDERS for part in relative.parts)
    ]
    if not kept:
        matching = f" that match {match!r}" if match else ""
        message = f"{folder} holds no images{matching}; it needs NIfTI, NRRD or MHA files."
        raise InputError(message)
    return [paths[i] for i in kept], [inside[i] for i in kept]


def _take_roles(candidates: list[NamedFile], notes: list[str], owner: str) -> dict[str, list[Path]]:
    roles = {}
    for role in dict.fromkeys(c.role for c in candidates):
        roles[role] = _files([c for c in candidates if c.role == role], role, owner, notes)
    if "mask" in roles:
        paths = roles.pop("mask")
        roles.setdefault(_kind_of_mask(paths[0]), paths)
    notes += [f"{owner}: {role.replace('_', ' ')} is {_listed(paths)}." for role, paths in roles.items()]
    return roles


def _files(candidates: list[NamedFile], role: str, owner: str, notes: list[str]) -> list[Path]:
    """The file of a role or, for a series without a file that holds it all, one file for each phase or b-value."""
    whole = [c for c in candidates if c.number is None or role not in SERIES]
    if whole:
        return [_best(whole, role, owner, notes)]
    numbers = sorted({c.number for c in candidates if c.number is not None})
    return [_best([c for c in candidates if c.number == n], f"{role} {n}", owner, notes) for n in numbers]


def _listed(paths: list[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]} ({len(names)} files)"


def _best(candidates: list[NamedFile], role: str, owner: str, notes: list[str]) -> Path:
    fewest = min(c.unexplained for c in candidates)
    best = [c.path for c in candidates if c.unexplained == fewest]
    if len(best) > 1 and len({path.name for path in best}) == 1:
        best = _with_fewest_voxels(best)
        chosen = (
            f"{owner}: of several resolutions the coarsest, in the folder {best[0].parent.name}, is used."
        )
        if len(best) == 1 and chosen not in notes:
            notes.append(chosen)
    if len(best) > 1:
        message = (
            f"{best[0]} and {best[1]} could both be the {role.replace('_', ' ')} of the {owner}; leave one in the"
            " folder, choose by --match, or give the files with --baseline and --followup."
        )
        raise InputError(message)
    return best[0]


@decimal_points()
def _with_fewest_voxels(paths: list[Path]) -> list[Path]:
    """One scan kept in several resolutions: the method was made for thick axial slices."""
    import SimpleITK as sitk

    counts = {}
    reader = sitk.ImageFileReader()
    for path in paths:
        reader.SetFileName(str(path))
        try:
            if text_header_problem(path):
                return paths
            reader.ReadImageInformation()
        except (OSError, RuntimeError):
            return paths
        counts[path] = math.prod(reader.GetSize())
    return [path for path in paths if counts[path] == min(counts.values())]


def _kind_of_mask(path: Path) -> str:
    """Whether a file called just "mask" holds an organ or lesions: an organ fills most slices, lesions do not."""
    import SimpleITK as sitk

    from .volumes import read_labelmap

    mask = read_labelmap(path, "mask")
    filled = sitk.GetArrayViewFromImage(mask).mean()
    return "organ_mask" if filled > 0.05 else "lesions"


def _with_shared(own: dict[str, list[Path]], shared: dict[str, list[Path]]) -> dict[str, list[Path]]:
    return {**shared, **own}


def _examination(roles: dict[str, list[Path]]) -> ExaminationFiles:
    sequences = {role: paths for role, paths in roles.items() if role in SEQUENCES}
    organ_mask, lesions = (next(iter(roles.get(role, [])), None) for role in ("organ_mask", "lesions"))
    return ExaminationFiles(sequences, organ_mask, lesions)


def single_roles(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Sequence names of files that were given one by one, in their order; files of one sequence become channels.

    Raises:
        InputError: a name does not tell the sequence.
    """
    sequences: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        sequence = sequence_of(path)
        if not sequence:
            message = f"The name of {path.name} does not tell its sequence; write it as SEQUENCE=PATH, such as FLAIR={path}."
            raise InputError(message)
        sequences.setdefault(sequence, []).append(path)
    return sequences
