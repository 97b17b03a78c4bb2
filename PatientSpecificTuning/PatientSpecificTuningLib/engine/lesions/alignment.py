"""How baseline and follow-up of a case lie to each other: found once or given by hand, kept in the case, judged."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case.case import Case
from ..errors import InputError
from ..files import json_values
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
_MEASURED, _MOVED = (
    ("organ_overlap", "edge_distance_mm", "edge_distance_95_mm"),
    ("shift_mm", "rotation_degrees"),
)


@dataclass(frozen=True)
class Alignment:
    """A transform from points of the follow-up to points of the baseline, and how well it brings them together."""

    transform: sitk.Transform
    quality: RegistrationQuality


def alignment_of(case: Case, *, progress: Progress | None = None) -> Alignment:
    """The alignment of a case's examinations; found and judged where the case does not know it yet.

    Raises:
        InputError: an examination is not prepared, or they cannot be brought together.
    """
    path = case.folder / TRANSFORM
    transform, quality = _kept_transform(path), _known_quality(case)
    if transform is None:
        # One that is damaged is found anew.
        transform, quality = _found(case, progress), None
        _write(transform, path)
    if quality is None:
        quality = _measured(case, transform)
        _keep(case, quality, given_transform(case))
    return Alignment(transform, quality)


def given_transform(case: Case) -> str | None:
    """SHA-256 of the transform that was given by hand, None where it was found."""
    value = _kept(case).get("given")
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
    _write(transform, case.folder / TRANSFORM)
    _keep(case, quality, given)
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


@decimal_points()
def _write(transform: sitk.Transform, path: Path) -> None:
    with replace_when_complete(path, parents=False) as temporary:
        try:
            sitk.WriteTransform(transform, str(temporary))
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


def _keep(case: Case, quality: RegistrationQuality, given: str | None) -> None:
    values = {**quality.as_dict(), "given": given}
    write_text(case.folder / QUALITY, json.dumps(values, indent=2) + "\n")


def _kept(case: Case) -> dict[str, Any]:
    try:
        return read_json_object(case.folder / QUALITY)
    except (OSError, ValueError):
        return {}


def _known_quality(case: Case) -> RegistrationQuality | None:
    kept = _kept(case)
    try:
        values: dict[str, Any] = {name: json_values.number_or_none(kept[name]) for name in _MEASURED}
        moved = {name: json_values.number(kept[name]) for name in _MOVED}
    except (KeyError, ValueError):
        return None
    return RegistrationQuality(**values, **moved)
