"""A model card of somebody else is refused before it takes memory, names a path or hides text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import read_model_card

FLAIR = {"sequence": "FLAIR", "channels": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"pathways": [{**FLAIR, "channels": 10**9}]},
        {"pathways": [{**FLAIR, "channels": "1"}]},
        {"pathways": [{**FLAIR, "sequence": "x/../../../y"}]},
        {"pathways": [{**FLAIR, "sequence": "a\\b"}]},
        {"pathways": [{**FLAIR, "sequence": ""}]},
        {"pathways": [{**FLAIR, "sequence": None}]},
        {"pathways": [FLAIR, FLAIR]},
        {"pathways": [{"sequence": name} for name in "abc"]},
        {"pathways": {"sequence": "FLAIR"}},
        {"pathways": ["FLAIR"]},
        {"block_layers": [10**6] * 5},
        {"block_layers": []},
        {"block_layers": [1.5] * 5},
        {"block_layers": 3},
        {"dilation_rates": [10**6] * 5},
        {"kernels": 10**6},
        {"kernels": 1024, "block_layers": [64] * 5},
        {"kernels": "64"},
        {"kernels": True},
        {"head_kernels": 10**9},
        {"dropout": float("nan")},
        {"dropout": "0.2"},
        {"spacing_in_plane_mm": float("nan")},
        {"spacing_in_plane_mm": 0},
        {"spacing_in_plane_mm": 1e-9},
        {"normalization": {"clip_percentiles": [90, 10]}},
        {"normalization": {"clip_percentiles": [0, 200]}},
        {"normalization": []},
        {"post_processing": {"closing": [9999, 9999, 9999]}},
        {"post_processing": {"closing": [-3, 3, 3]}},
        {"post_processing": {"threshold": "a"}},
        {"class_weights": [1]},
        {"class_weights": [float("inf"), 1]},
        {"missing_sequences": ["T9"]},
        {"name": None},
        {"name": ""},
        {"name": "<img src='file:///etc/passwd'>"},
        {"organ": "../brain"},
        {"training": []},
        {"limits": [1]},
        {"licence": None},
        {"bias_correction": "yes"},
        {"proposed_slices": 10**9},
        {"format_version": True},
    ],
    ids=str,
)
def test_a_value_beyond_its_range_is_one_sentence(change: dict[str, object]) -> None:
    with pytest.raises(InputError) as refusal:
        ModelCard.from_dict(tiny_card().to_dict() | change)
    assert "\n" not in str(refusal.value)


def test_a_card_that_is_nested_without_end_or_holds_nan_is_one_sentence(tmp_path: Path) -> None:
    for text in ("[" * 100_000, json.dumps({"dropout": float("nan")})):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(InputError, match="cannot be read as JSON"):
            read_model_card(tmp_path)
