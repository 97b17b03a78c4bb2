"""What a case says to whoever opens it, and whether that is half or less than it was."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from PatientSpecificTuningLib.engine.case.annotation import load_annotation
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.layout import LIVE_JSON
from PatientSpecificTuningLib.engine.case.layout import case_exists
from PatientSpecificTuningLib.engine.case.layout import live_folder
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.lesions.alignment import QUALITY
from PatientSpecificTuningLib.engine.lesions.alignment import TRANSFORM
from PatientSpecificTuningLib.engine.live_files import read_live


def observed(case: Path) -> dict[str, Any]:
    """What a case says to whoever opens it: everything that counts, each with the hash of its files."""
    if not case_exists(case):
        return {
            "examinations": {},
            "dates": {},
            "annotation": None,
            "live": None,
            "alignment": (None, None),
            "tuned": {},
            "results": {},
            "current": {"tuned": None, "results": None},
            "unfinished": [],
        }
    opened = Case.open(case)
    annotation = None
    if "baseline" in opened.examinations:
        with suppress(InputError):
            annotation = load_annotation(opened).sha256
    return {
        "examinations": {n: _hash(case / n, deep=False) for n in opened.examinations},
        "dates": opened.dates.as_dict(),
        "annotation": annotation,
        "live": _live(case),
        "alignment": _alignment(case),
        **{kind: {n: _hash(case / kind / n) for n in opened.versions(kind)} for kind in ("tuned", "results")},
        "current": opened.current,
        "unfinished": _unfinished(case),
    }


def _live(case: Path) -> str | None:
    """What was learned while correcting, None where it does not count; weights of another learning are not taken."""
    path = live_folder(case) / LIVE_JSON
    try:
        lesions = read_live(path).lesions
    except InputError:
        return None
    return hashlib.sha256(path.read_bytes() + lesions.read_bytes()).hexdigest()


def _alignment(case: Path) -> tuple[str | None, str | None]:
    """Transform, and what is said of it."""
    texts = (case / name for name in (TRANSFORM, QUALITY))
    transform, quality = (path.read_text(encoding="ascii") if path.is_file() else None for path in texts)
    return transform, quality


def _unfinished(case: Path) -> list[str]:
    return [path.name for path in case.rglob(".*")]


def _hash(folder: Path, *, deep: bool = True) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*") if deep else folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            digest.update(os.path.basename(path).encode() + path.read_bytes())
    return digest.hexdigest()


def require_between(now: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Nothing is lost and nothing is half: everything is as before the step or as after it."""
    for part in ("annotation", "dates"):
        assert now[part] in (before[part], after[part]), f"{part} is half or lost"
    # What is learned while correcting is no work of anybody, and is learned again.
    assert now["live"] in (None, before["live"], after["live"]), "live is half"
    transforms = [state["alignment"] for state in (before, after)]
    assert now["alignment"] in [*transforms, *((transform, None) for transform, _ in transforms)]
    for part in ("examinations", "tuned"):
        for name, content in now[part].items():
            assert content in (before[part].get(name), after[part].get(name)), f"{part} {name} is half"
    for part in ("examinations", "tuned", "results"):
        both = before[part].keys() & after[part].keys()
        assert both <= now[part].keys() <= before[part].keys() | after[part].keys(), f"{part} lost"
    for kind, number in now["current"].items():
        assert number is None or number in now[kind], f"current {kind} points at nothing"
