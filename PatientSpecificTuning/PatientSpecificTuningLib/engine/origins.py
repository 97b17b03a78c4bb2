"""What a tuned version or a result was made of, so that the same is not made twice, and how it was made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .case.annotation import Annotation
from .case.annotation import load_annotation
from .case.case import Case
from .case.provenance import circumstances
from .case.provenance import now
from .lesions.alignment import given_transform
from .lesions.baseline_prior import LesionPriors
from .lesions.change_evidence import ChangeSettings
from .network.device import describe_device
from .tuning.plan import TuningSettings


def origin_of_tuning(
    case: Case, annotation: Annotation, settings: TuningSettings, also: Sequence[Case] = ()
) -> dict[str, Any]:
    """Model, baseline, corrections and settings of a tuned version, and other cases that it learned from.

    Raises:
        InputError: another case has no corrections.
    """
    return {
        "model": case.model,
        **_learned_from(case, annotation),
        "settings": asdict(settings),
        # Earlier versions of the program say nothing of other cases, which reads as None.
        "also": [_learned_from(other, load_annotation(other)) for other in also] or None,
    }


def _learned_from(case: Case, annotation: Annotation) -> dict[str, Any]:
    return {
        "baseline": case.record("baseline").fingerprint(),
        "annotation": annotation.sha256,
        "slices": list(annotation.slices),
    }


def origin_of_result(
    case: Case,
    examination: str,
    tuned: str | None,
    change: ChangeSettings,
    priors: LesionPriors,
) -> dict[str, Any]:
    """Model, examination, tuned version and, for a follow-up, the baseline, its priors and what counts as change."""
    origin: dict[str, Any] = {
        "model": case.model,
        "examination": examination,
        "input": case.record(examination).fingerprint(),
        "tuned": tuned,
        "annotation": None if tuned is None else case.version_info("tuned", tuned).get("annotation"),
        "with_change": examination == "followup" and "baseline" in case.examinations,
        # Earlier versions of the program had no priors and say nothing of them, which reads as None.
        "priors": asdict(priors) if priors else None,
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
