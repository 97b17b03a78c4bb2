"""How a version was made, in lines that can be read and compared; pure Python."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ...engine.images.geometry import Grid
from .facts import VersionFacts
from .places import sliceCentre
from .places import sliceTitle
from .problems import examinationName
from .state import Provenance
from .words import tr as _

# As many digits of a hash as nobody mistakes for another.
DIGITS = 12


def provenanceOf(version: VersionFacts, grid: Grid | None) -> Provenance:
    """Model, images, corrected slices, settings, seed, time taken and the error while the CNN learned.

    Args:
        grid: of the baseline's slices, by which they are named.
    """
    facts = [
        *_made(version.run),
        *_images(version.run),
        *_tuned(version.tuning, grid),
        *_program(version.run),
    ]
    loss = version.tuning.get("loss_history") or ()
    return Provenance(tuple((title, text) for title, text in facts if text), tuple(map(float, loss)))


def _made(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    model = run.get("model") or {}
    name = _("{name}, version {version}").format(name=model.get("name", ""), version=model.get("version", ""))
    yield _("Base CNN"), f"{name} ({_hash(model.get('sha256'))})" if model else ""
    yield _("Result made"), _time(run)
    repetitions = int(run.get("repetitions") or 0)
    text = _("{count} repetitions, seed {seed}").format(count=repetitions, seed=run.get("seed", 0))
    yield _("Uncertainty"), text if repetitions else _("not computed")


def _images(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for examination, record in (("baseline", run.get("baseline")), ("followup", run.get("input"))):
        sequences = (record or {}).get("sequences") or {}
        text = ", ".join(f"{sequence} ({_hash(digest)})" for sequence, digest in sequences.items())
        yield _("Images of the {examination}").format(examination=examinationName(examination)), text


def _tuned(tuning: Mapping[str, Any], grid: Grid | None) -> Iterator[tuple[str, str]]:
    if not tuning:
        yield _("Learned from"), _("nothing of this patient")
        return
    slices = [_sliceTitle(int(position), grid) for position in tuning.get("slices") or ()]
    text = _("corrected slices {slices} ({labels})")
    yield _("Learned from"), text.format(slices=", ".join(slices), labels=_hash(tuning.get("annotation")))
    yield _("Learned"), _time(tuning)
    settings = tuning.get("settings") or {}
    given = {name: value for name, value in settings.items() if value is not None}
    yield _("Settings"), ", ".join(f"{_settingTitle(name)} {value}" for name, value in given.items())


def _sliceTitle(position: int, grid: Grid | None) -> str:
    return str(position) if grid is None else sliceTitle(sliceCentre(grid, position))


def _settingTitle(name: str) -> str:
    titles = {
        "rotation_degrees": _("rotation in degrees"),
        "patch_pool": _("patches per slice"),
        "loss_area": _("error over"),
    }
    return titles.get(name, name.replace("_", " "))


def _program(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    change = run.get("applied_change_settings") or {}
    sure = _("probability from {probability}, lesions from {size:g} mm\u00b3").format(
        probability=change.get("sure_probability", ""), size=float(change.get("smallest_mm3", 0))
    )
    yield _("A change is sure"), sure if change else ""
    versions = run.get("versions") or {}
    yield _("Program"), ", ".join(f"{name} {value}" for name, value in versions.items())


def _time(made: Mapping[str, Any]) -> str:
    parts = [str(made.get("created") or "")[:16].replace("T", " ")]
    if made.get("seconds") is not None:
        parts.append(_("in {seconds:.0f} s").format(seconds=float(made["seconds"])))
    if made.get("device"):
        parts.append(_("on {device}").format(device=made["device"]))
    return " ".join(filter(None, parts))


def _hash(digest: object) -> str:
    return str(digest or "")[:DIGITS]
