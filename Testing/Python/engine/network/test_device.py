"""The network runs on a GPU where there is one, and on the CPU where its memory is too small."""

from __future__ import annotations

import pytest
import torch
from PatientSpecificTuningLib.engine.network.device import best_device
from PatientSpecificTuningLib.engine.network.device import describe_device
from PatientSpecificTuningLib.engine.network.device import on_best_device


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Example 1000")
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def test_without_a_gpu_the_cpu_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert on_best_device(lambda device: device) == "cpu"
    assert describe_device().startswith("CPU, ")


def test_a_gpu_is_used_where_there_is_one(gpu) -> None:
    assert best_device() == "cuda"
    assert on_best_device(lambda device: device) == "cuda"
    assert describe_device() == "GPU Example 1000"


def test_where_the_memory_of_the_gpu_is_too_small_the_cpu_does_it(gpu) -> None:
    tried = []

    def action(device: str) -> str:
        tried.append(device)
        if device == "cuda":
            raise torch.cuda.OutOfMemoryError
        return "done"

    assert on_best_device(action) == "done"
    assert tried == ["cuda", "cpu"]


def test_other_errors_are_not_hidden(gpu) -> None:
    def action(device: str) -> None:
        raise ValueError(device)

    with pytest.raises(ValueError, match="cuda"):
        on_best_device(action)
