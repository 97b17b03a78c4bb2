"""Whether the file of one measurement says what every measurement says; another one is measured anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..files import json_values
from ..judging.metrics import DetectionMetrics
from ..judging.metrics import SegmentationMetrics

METRICS = {*SegmentationMetrics.__dataclass_fields__, *DetectionMetrics.__dataclass_fields__}
UNCERTAINTY = {"mean_sd_of_detected", "max_sd"}
OBJECT = {"mean_sd", "max_sd", "extent_uncertainty"}


def is_whole(outcome: Mapping[str, Any]) -> bool:
    """Whether slices, reason and figures are there and of the right kinds."""
    try:
        json_values.entries(outcome["slices"], json_values.integer)
        if outcome["undefined"] is not None:
            json_values.text(outcome["undefined"])
        if outcome["measures"] is not None:
            _check_measures(json_values.fields(outcome["measures"], json_values.anything))
    except (KeyError, ValueError):
        return False
    return True


def _check_measures(values: dict[str, Any]) -> None:
    _numbers(values["metrics"], METRICS)
    for name in ("reference_ml", "predicted_ml"):
        json_values.number(values[name])
    for lesion in json_values.entries(values["lesions"], _fields):
        json_values.number(lesion["volume_mm3"])
        json_values.truth(lesion["found"])
    if values["uncertainty"] is not None:
        _numbers(values["uncertainty"], UNCERTAINTY)
    for found in json_values.entries(values.get("objects", []), _fields):
        json_values.truth(found["true"])
        _numbers({name: value for name, value in found.items() if name != "true"}, OBJECT)


def _fields(value: Any) -> dict[str, Any]:
    return json_values.fields(value, json_values.anything)


def _numbers(values: Any, names: set[str]) -> None:
    found = json_values.fields(values, json_values.number_or_none)
    if missing := names - found.keys():
        message = f"no {', '.join(sorted(missing))}"
        raise ValueError(message)
