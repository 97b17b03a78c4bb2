"""How much of what the processor can do the trunk uses."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PatientSpecificTuningLib.engine.network.frozen_trunk import FrozenTrunk
from PatientSpecificTuningLib.engine.network.frozen_trunk import needed_spans
from PatientSpecificTuningLib.engine.network.patches import organ_box
from scans import Scan


def median_seconds(repeats: int, action: Callable[[], Any]) -> float:
    """Median over repeats."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@torch.inference_mode()
def throughput(scan: Scan, prepare_s: float) -> dict[str, float]:
    """GFLOPS of a bare convolution, of the trunk of the same precision in memory, and with its features written."""
    trunk = FrozenTrunk(scan.network)
    maps = torch.randn(1, 64, 200, 160).to(trunk.compute).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3).to(trunk.compute).contiguous(memory_format=torch.channels_last)

    def bare() -> None:
        torch.nn.functional.conv2d(maps, weight, padding=4, dilation=4)

    slices = scan.organ.shape[0]
    some = np.linspace(slices // 4, 3 * slices // 4, 6).astype(int).tolist()

    def some_slices() -> None:
        for position in some:
            trunk.rows(scan.images[:, position], scan.organ[position])

    def work(positions: Iterable[int]) -> float:
        return sum(_slice_work(scan, trunk, position) for position in positions) / 1e9

    everything = np.flatnonzero(scan.organ.any(axis=(1, 2))).tolist()
    return {
        "bare_gflops": 2 * 9 * 64 * 64 * 200 * 160 / 1e9 / median_seconds(30, bare),
        "trunk_gflops": work(some) / median_seconds(3, some_slices),
        "written_gflops": work(everything) / prepare_s,
    }


def _slice_work(scan: Scan, trunk: FrozenTrunk, position: int) -> float:
    first_row, last_row, first_column, last_column = organ_box(scan.organ[position])
    height, width = scan.organ.shape[1:]
    rows = needed_spans(first_row, last_row, height, trunk.rates)[1:]
    columns = needed_spans(first_column, last_column, width, trunk.rates)[1:]
    pixels = [(r[1] - r[0]) * (c[1] - c[0]) for r, c in zip(rows, columns, strict=True)]
    kernels = scan.card.kernels
    return sum(
        2 * 9 * kernels * (channels * pixels[0] + kernels * sum(pixels[1:])) for channels in trunk.channels
    )
