"""What a tuned version or a result was made of, so that the same is not made twice, and how it was made."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from .case.annotation import Annotation
from .case.case import Case
from .case.provenance import circumstances
from .case.provenance import now
from .lesions.alignment import given_transform
from .lesions.change_evidence import ChangeSettings
from .network.device import describe_device
from .tuning.plan import TuningSettings


def origin_of_tuning(case: Case, annotation: Annotation, settings: TuningSettings) -> dict[str, Any]:
    """Model, baseline, corrections and settings of a tuned version."""
    return {
        "model": case.model,
        "baseline": case.record("baseline").fingerprint(),
        "annotation": annotation.sha256,
        "slices": list(annotation.slices),
        "settings": asdict(settings),
    }


def origin_of_result(
    case: Case, examination: str, tuned: str | None, change: ChangeSettings
) -> dict[str, Any]:
    """Model, examination, tuned version and, for a follow-up, the baseline and what counts as change."""
    origin: dict[str, Any] = {
        "model": case.model,
        "examination": examination,
        "input": case.record(examination).fingerprint(),
        "tuned": tuned,
        "annotation": None if tuned is None else case.version_info("tuned", tuned).get("annotation"),
        "with_change": examination == "followup" and "baseline" in case.examinations,
    }
    if origin["with_change"]:
        compared = {
            "baseline": case.record("baseline").fingerprint(),
            "change_settings": asdict(change),
            "given_transform": given_transform(case),
            "dates": case.dates.as_dict(),
        }
        origin |= compared
    return origin


def making_of(start: float | None = None) -> dict[str, Any]:
    """When, by which versions, where and, from a start of `time.monotonic` on, in how many seconds."""
    taken = {} if start is None else {"seconds": time.monotonic() - start}
    return {"created": now(), **circumstances(), "device": describe_device(), **taken}
