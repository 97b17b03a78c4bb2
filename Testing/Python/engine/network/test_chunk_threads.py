"""Chunks are worked on beside each other, and the caller sees none of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.lesions.uncertainty import predict_with_deviation
from PatientSpecificTuningLib.engine.network import frozen_trunk
from PatientSpecificTuningLib.engine.network.chunk_threads import in_threads
from PatientSpecificTuningLib.engine.network.chunk_threads import one_ahead
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork


@pytest.fixture
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("two_threads")
def test_two_chunks_run_at_the_same_time_on_one_core_each_and_come_in_order() -> None:
    both = threading.Barrier(2, timeout=60)

    def action(chunk: int) -> tuple[int, int, bool]:
        both.wait()
        return chunk, torch.get_num_threads(), torch.is_inference_mode_enabled()

    assert list(in_threads(action, range(20))) == [(chunk, 1, True) for chunk in range(20)]
    assert torch.get_num_threads() == 2
    begun_later: list[int] = []
    later = threading.Thread(target=lambda: begun_later.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert begun_later == [2]


@pytest.mark.usefixtures("two_threads")
def test_an_error_is_raised_in_the_caller_and_what_was_not_begun_is_left_out() -> None:
    begun: list[int] = []

    def action(chunk: int) -> int:
        begun.append(chunk)
        return 1 // (3 - chunk)

    with pytest.raises(ZeroDivisionError):
        list(in_threads(action, range(1000)))
    assert len(begun) < 20


@pytest.mark.usefixtures("two_threads")
def test_the_next_chunk_is_worked_on_while_the_caller_looks_at_this_one() -> None:
    begun = [threading.Event() for _ in range(4)]

    def action(chunk: int) -> tuple[int, int]:
        begun[chunk].set()
        return chunk, torch.get_num_threads()

    outcomes = one_ahead(action, range(4))
    for chunk in range(3):
        assert next(outcomes) == (chunk, 1)
        assert begun[chunk + 1].wait(60)
        assert torch.get_num_threads() == 1
    outcomes.close()
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("switch", ["0", "1"])
def test_results_are_the_same_as_in_one_thread(tmp_path, monkeypatch, switch) -> None:
    monkeypatch.setenv(frozen_trunk.FLOAT32_SWITCH, switch)
    torch.manual_seed(3)
    images, organ, _ = blob_examination(shape=(3, 60, 56))
    network = DualPathwayNetwork(tiny_card()).eval()
    store = compute_features(network, images, organ, tmp_path / "f.npy")
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            sampled = monte_carlo_dropout(network.head, store, repetitions=5, seed=2)
            found.append(np.stack([*sampled, *predict_with_deviation(network.head, store)]))
    finally:
        torch.set_num_threads(threads)
    assert found[0].any(axis=(1, 2, 3)).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-7)
