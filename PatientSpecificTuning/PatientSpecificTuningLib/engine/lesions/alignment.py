"""How baseline and follow-up of a case lie to each other: found once or given by hand, kept in the case, judged."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case.case import Case
from ..errors import InputError
from ..files import json_values
from ..files.atomic import remove
from ..files.atomic import replace_when_complete
from ..files.atomic import write_text
from ..files.content_hash import content_hash
from ..files.decimal_points import decimal_points
from ..files.json_file import read_json_object
from ..images.registration import align
from ..images.registration_quality import RegistrationQuality
from ..images.registration_quality import registration_quality
from ..images.transform_file import read_transform
from ..model.card import read_model_card
from ..network.model_choice import model_of_case
from ..network.prepared import PreparedExamination
from ..network.prepared import open_examination
from ..progress import Progress

TRANSFORM = "baseline_to_followup.tfm"
QUALITY = "baseline_to_followup.json"
# A comment in the file of the transform, so that neither is ever replaced without the other.
_GIVEN = re.compile(rb"^#Given ([0-9a-f]{64})\s*$", re.MULTILINE)
_HEAD_BYTES = 300
_MEASURED, _MOVED = (
    ("organ_overlap", "edge_distance_mm", "edge_distance_95_mm"),
    ("shift_mm", "rotation_degrees"),
)


@dataclass(frozen=True)
class Alignment:
    """A transform from points of the follow-up to points of the baseline, and how well it brings them together.

    Attributes:
        given: SHA-256 of the file that was given by hand, None where the transform was found.
    """

    transform: sitk.Transform
    quality: RegistrationQuality
    given: str | None


def alignment_of(case: Case, *, progress: Progress | None = None) -> Alignment:
    """The alignment of a case's examinations; found and judged where the case does not know it yet.

    Raises:
        InputError: an examination is not prepared, or they cannot be brought together.
    """
    if (known := _known(case)) is not None:
        return known
    transform, given = _kept_transform(case.folder / TRANSFORM), given_transform(case)
    if transform is None:
        # One that is damaged is found anew.
        transform, given = _found(case, progress), None
    alignment = Alignment(transform, _measured(case, transform), given)
    with case.alone():
        # Somebody may have given one since, which counts.
        if (known := _known(case)) is not None:
            return known
        _keep(case, alignment)
    return alignment


def given_transform(case: Case) -> str | None:
    """SHA-256 of the transform that was given by hand, None where it was found."""
    with suppress(OSError), open(case.folder / TRANSFORM, "rb") as file:
        if found := _GIVEN.search(file.read(_HEAD_BYTES)):
            return found[1].decode("ascii")
    # Earlier versions of the program said it here alone.
    value = _kept_quality(case).get("given")
    return None if value is None else str(value)


def give_transform(case: Case, path: Path | None) -> RegistrationQuality:
    """Take a transform from points of the follow-up to points of the baseline, or with None find it anew.

    Raises:
        InputError: the file is no transform in space, or the examinations do not meet under it.
    """
    transform = _found(case, None) if path is None else _read(path)
    quality = _measured(case, transform)
    if quality.organ_overlap is None:
        message = (
            f"Under the transform {path} the organs of both examinations do not meet; check its direction."
        )
        raise InputError(message)
    given = None if path is None else content_hash([path], "transform").sha256
    with case.alone():
        _keep(case, Alignment(transform, quality, given))
    return quality


def _read(path: Path) -> sitk.Transform:
    try:
        return read_transform(path)
    except (OSError, ValueError) as error:
        message = (
            f"The transform {path} cannot be read ({error}); give a rigid or affine one in three dimensions as .tfm,"
            " .txt or .h5 file as ITK writes them."
        )
        raise InputError(message) from error


def _kept_transform(path: Path) -> sitk.Transform | None:
    if path.is_file():
        with suppress(OSError, ValueError):
            return read_transform(path)
    return None


def _keep(case: Case, alignment: Alignment) -> None:
    """Put an alignment in the place of the one that was there; call it only while the case is locked."""
    # What is known of the earlier transform goes first, so that it is never said of this one.
    remove(case.folder / QUALITY)
    _write(alignment, case.folder / TRANSFORM)
    values = {**alignment.quality.as_dict(), "given": alignment.given}
    write_text(case.folder / QUALITY, json.dumps(values, indent=2) + "\n")


@decimal_points()
def _write(alignment: Alignment, path: Path) -> None:
    with replace_when_complete(path, parents=False) as temporary:
        try:
            sitk.WriteTransform(alignment.transform, str(temporary))
            if alignment.given is not None:
                head, _, rest = temporary.read_bytes().partition(b"\n")
                temporary.write_bytes(b"\n".join((head, f"#Given {alignment.given}".encode("ascii"), rest)))
            read_transform(temporary)
        except (RuntimeError, OSError, ValueError) as error:
            message = f"{path.name} cannot be written to {path.parent}; free some space and run again."
            raise InputError(message) from error


def _found(case: Case, progress: Progress | None) -> sitk.Transform:
    baseline, followup = open_examination(case, "baseline"), open_examination(case, "followup")
    key = read_model_card(model_of_case(case)).pathways[0].key_index
    moving = baseline.record.working_grid.image(np.asarray(baseline.images[key]))
    fixed = followup.record.working_grid.image(np.asarray(followup.images[key]))
    mask = _organ(followup)
    return align(moving, fixed, method="rigid", fixed_mask=mask, name="baseline", progress=progress)


def _measured(case: Case, transform: sitk.Transform) -> RegistrationQuality:
    return registration_quality(
        transform, _organ(open_examination(case, "baseline")), _organ(open_examination(case, "followup"))
    )


def _organ(examination: PreparedExamination) -> sitk.Image:
    return examination.record.working_grid.image(examination.organ_mask.astype(np.uint8))


def _known(case: Case) -> Alignment | None:
    """What the case knows; None where it knows only a part of it, or none."""
    transform, quality = _kept_transform(case.folder / TRANSFORM), _quality_of(_kept_quality(case))
    if transform is None or quality is None:
        return None
    return Alignment(transform, quality, given_transform(case))


def _kept_quality(case: Case) -> dict[str, Any]:
    try:
        return read_json_object(case.folder / QUALITY)
    except (OSError, ValueError):
        return {}


def _quality_of(kept: dict[str, Any]) -> RegistrationQuality | None:
    try:
        values: dict[str, Any] = {name: json_values.number_or_none(kept[name]) for name in _MEASURED}
        moved = {name: json_values.number(kept[name]) for name in _MOVED}
    except (KeyError, ValueError):
        return None
    return RegistrationQuality(**values, **moved)
