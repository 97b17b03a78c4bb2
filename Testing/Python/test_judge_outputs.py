"""Reliability, uncertainty and places of false positives, on outputs whose truth is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "Training"))

import brain_examinations
import brain_places
import judge_outputs
from judge_outputs import BASE
from judge_outputs import TUNED
from judge_outputs import Output

SHAPE = (8, 40, 40)


def output(name: str, **parts: Any) -> Output:
    empty = np.zeros(SHAPE, dtype=bool)
    masks = {"organ": ~empty, "lesions": empty, "normal": empty}
    values = {cnn: np.zeros(SHAPE, dtype=np.float32) for cnn in (BASE, TUNED)}
    image = np.zeros(SHAPE, dtype=np.float32)
    given = masks | {"image": image, "probability": values, "deviation": values} | parts
    return Output(name=name, spacing=(1.0, 1.0, 6.0), **given)


def test_a_softmax_that_is_the_frequency_has_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    softmax = rng.uniform(0, 1, 400_000)
    lesion = rng.uniform(0, 1, softmax.size) < softmax
    right = judge_outputs.reliability(softmax, lesion)
    assert right.error < 0.01
    assert right.lesion[5] == pytest.approx(0.55, abs=0.02)
    assert judge_outputs.reliability(softmax, np.zeros_like(lesion)).error == pytest.approx(0.525, abs=0.01)


def test_what_nobody_doubts_does_not_hide_the_error_of_the_others() -> None:
    softmax = np.concatenate([np.full(100_000, 0.001), np.full(100, 0.7)])
    lesion = np.zeros(softmax.size, dtype=bool)
    assert judge_outputs.reliability(softmax, lesion).error == pytest.approx(0.7)


def test_uncertainty_is_that_of_found_lesions_on_slices_that_tuning_did_not_see() -> None:
    probability, deviation = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    probability[2:4, 5:9, 5:9] = 0.9
    deviation[2], deviation[3] = 0.4, 0.1
    made = output("ms01", probability={BASE: probability}, deviation={BASE: deviation})
    assert judge_outputs.mean_deviation(made, BASE) == pytest.approx((0.1, 0.1))


def test_every_false_voxel_is_counted_at_its_first_place(monkeypatch: pytest.MonkeyPatch) -> None:
    ventricles, lesions, normal = (np.zeros(SHAPE, dtype=bool) for _ in range(3))
    ventricles[5, 20, 20] = True
    lesions[5, 30, 30] = True
    normal[5, 20, 21] = True
    monkeypatch.setattr(brain_places, "_ventricles", lambda *_: ventricles)
    found = np.zeros(SHAPE, dtype=bool)
    for place in ((5, 30, 30), (5, 30, 31), (5, 20, 21), (5, 20, 20), (5, 20, 24), (0, 20, 20), (5, 2, 2)):
        found[place] = True
    organ = np.zeros(SHAPE, dtype=bool)
    organ[:, 1:-1, 1:-1] = True
    amounts = brain_places.false_ml(
        output("ms04", lesions=lesions, normal=normal, organ=organ), found, Path()
    )
    # The lesion itself is no false positive.
    assert list(amounts.values()) == pytest.approx([0.006] * 6 + [0.0])


def test_a_scan_is_corrected_once_and_read_from_the_cache_after_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def corrected(source: brain_examinations.Source, _data: Path) -> brain_examinations.Corrected:
        read.append(source.name)
        scan: NDArray[np.float32] = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
        mask = scan > 3
        return brain_examinations.Corrected(source.name, scan, None, mask, mask, ~mask, (1.0, 1.0, 6.0))

    read: list[str] = []
    monkeypatch.setattr(brain_examinations, "_read", corrected)
    source = brain_examinations.Source("ms99", "folder")
    first, again = (brain_examinations.read_corrected(source, tmp_path, tmp_path) for _ in range(2))
    assert read == ["ms99"]
    assert again.t1 is None
    assert again.spacing == first.spacing
    assert (again.flair == first.flair).all()
    assert (again.normal == first.normal).all()
    # Other files are another scan, whatever its name.
    brain_examinations.read_corrected(brain_examinations.Source("ms99", "other"), tmp_path, tmp_path)
    assert read == ["ms99", "ms99"]
