"""Everything the report says, as JSON values: the page only lays them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..case.case import Case
from ..case.provenance import now
from ..errors import InputError
from ..files import json_values
from ..files.tables import read_table
from ..lesions.change import ChangeRow
from ..lesions.results import Result
from ..verdict.verdict import read_decision
from ..verdict.verdict import read_verdict

WARNING = "For research only. Not a medical device, not for clinical use."
KINDS = ("new", "grown", "vanished", "shrunk")
_TEXT = {"change", "match", "baseline_labels", "followup_labels"}


def report_content(case: Case, result: Result) -> dict[str, Any]:
    """What there is to say about a result of the follow-up.

    Returns:
        warning, headline, sentences, volumes, changes (sure ones), doubtful, verdict, decision, and how it was made.
    """
    run = result.run
    rows = read_change(result.change_table)
    tuned = run["tuned"]
    folder = None if tuned is None else case.version_folder("tuned", tuned)
    verdict = None if folder is None else read_verdict(folder)
    sure = [row for row in rows if row["sure"]]
    return {
        "warning": WARNING,
        "created": now(),
        "result": result.number,
        "cnn": "base CNN" if tuned is None else f"patient-specific CNN, version {tuned}",
        "headline": headline(run),
        "dates": run.get("dates") or {},
        "registration": run.get("registration") or {},
        "volumes": {
            **(run.get("change_volumes") or {}),
            "lesions": run["lesions"],
            "volume_ml": run["volume_ml"],
        },
        "changes": sure,
        "doubtful": [row for row in rows if not row["sure"]],
        "verdict": verdict_sentence(tuned, verdict),
        "verdict_figures": verdict,
        "decision": None if folder is None else read_decision(folder),
        "settings": run.get("applied_change_settings") or {},
        "priors": run.get("priors") or {},
        "made_from": _made_from(case, run),
        "tuning": None if tuned is None else _tuning_of(case, tuned),
    }


def _tuning_of(case: Case, number: str) -> dict[str, Any]:
    info = case.version_info("tuned", number)
    try:
        json_values.entries(info["slices"], json_values.integer)
        json_values.text(info["annotation"])
        json_values.fields(info["settings"], json_values.anything)
        json_values.entries(info.get("loss_history") or [], json_values.number)
    except (KeyError, ValueError) as error:
        message = f"The record of the tuned version {number} is damaged ({error}); tune and segment again."
        raise InputError(message) from error
    return info


def headline(run: Mapping[str, Any]) -> str:
    """The answer to what changed, in one sentence."""
    counts, volumes = run.get("sure_change") or {}, run.get("change_volumes") or {}
    parts = [f"{counts[kind]} {kind}" for kind in KINDS if counts.get(kind)]
    if not parts:
        return "No lesion changed by more than repeated measurement would show."
    first = f"Sure changes: {', '.join(parts)}."
    return (
        f"{first} {volumes.get('sure_new_ml') or 0:.2f} ml of tissue are surely new,"
        f" {volumes.get('sure_lost_ml') or 0:.2f} ml surely gone."
    )


def verdict_sentence(tuned: str | None, verdict: Mapping[str, Any] | None) -> str:
    """What is known of the CNN that made the result."""
    if tuned is None:
        return "The lesions were found by the base CNN, which was not tuned to this patient."
    if verdict is None:
        return "Whether the tuned CNN is better than the base CNN was not judged."
    injected = (verdict.get("injected") or {}).get("sentence", "")
    said = str(verdict["sentence"])
    return said if not injected or injected in said else f"{said} {injected}"


def read_change(path: Path) -> list[dict[str, Any]]:
    """The rows of a table of change; numbers as numbers, what is not available as None.

    A result without such a table has no rows.

    Raises:
        InputError: the table is damaged.
    """
    if not path.is_file():
        return []
    columns = [field.name for field in fields(ChangeRow)]
    try:
        return [{name: _value(name, row[name]) for name in columns} for row in read_table(path)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is damaged or of an earlier version of the program; segment again."
        raise InputError(message) from error


def _value(name: str, text: str) -> Any:
    if name in _TEXT:
        return text
    if not text:
        return None
    return int(text) if name == "sure" else float(text)


def _made_from(case: Case, run: Mapping[str, Any]) -> dict[str, Any]:
    images = {
        f"{name} {sequence}": digest
        for name in ("baseline", "followup")
        if name in case.examinations
        for sequence, digest in case.record(name).fingerprint()["sequences"].items()
    }
    notes = [note for record in case.examinations.values() for note in record.notes]
    return {
        "model": {name: case.model.get(name) for name in ("name", "version", "sha256")},
        "images": images,
        "notes": notes,
        "created": run.get("created"),
        "device": run.get("device"),
        "versions": run.get("versions") or {},
        "seconds": run.get("seconds"),
        "repetitions": run.get("repetitions"),
    }
