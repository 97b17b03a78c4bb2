"""Curves of a training, and the heads that are drawn around stripped brains, on figures and scans that are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "Training"))

import training_curves
from brain_examinations import Corrected
from brain_variants import with_head

HALF = {"dice": 0.5, "avd": 50.0, "hd95": 9.0, "recall": 0.5, "f1": 0.5}
POOR = {"dice": 0.1, "avd": 900.0, "hd95": None, "recall": 0.9, "f1": 0.2}
GOOD = {"dice": 0.7, "avd": 10.0, "hd95": 3.0, "recall": 0.6, "f1": 0.7}
FIGURES = {100: {"cs07": GOOD, "P18": HALF, "ms01": HALF}, 0: {"cs07": POOR, "P18": HALF, "ms01": HALF}}


def ball() -> Corrected:
    z, y, x = np.ogrid[:12, :80, :80]
    organ = ((z - 6) / 5) ** 2 + ((y - 40) / 25) ** 2 + ((x - 40) / 25) ** 2 < 1
    empty = np.zeros_like(organ)
    image = np.where(organ, 100, 0).astype(np.float32)
    return Corrected("ball", image, image.copy(), organ, empty, empty)


def test_curves_are_in_order_and_one_patient_far_off_does_not_rule_the_volumes() -> None:
    assert training_curves.curve(FIGURES, "dice") == ([0, 100], pytest.approx([1.1 / 3, 1.7 / 3]))
    assert training_curves.curve(FIGURES, "avd") == ([0, 100], [50.0, 50.0])
    assert training_curves.curve({0: {"cs07": POOR}}, "hd95") == ([], [])


def test_snapshots_are_those_of_the_run_alone_and_in_order(tmp_path: Path) -> None:
    for name in ("all-1000", "all-100", "all-200", "all", "other-100", "all-x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").touch()
    (tmp_path / "all-200" / "model.json").unlink()
    found = training_curves.snapshots(tmp_path, "all", tmp_path / "start")
    assert [(one.iteration, one.model.name) for one in found] == [
        (0, "start"),
        (100, "all-100"),
        (1000, "all-1000"),
    ]
    fewer = training_curves.snapshots(tmp_path, "all", tmp_path / "start", every=500)
    assert [one.iteration for one in fewer] == [0, 1000]


def test_table_and_picture_show_every_run(tmp_path: Path) -> None:
    runs = {"scanner left out": FIGURES, "patients left out": {0: {"ms01": GOOD}}}
    lines = training_curves.table(runs).splitlines()
    assert lines[2] == "| scanner left out | 0 | 0.367 | 50 | 0.633 | 0.400 |"
    assert lines[-1] == "| patients left out | 0 | 0.700 | 10 | 0.600 | 0.700 |"
    training_curves.plot(runs, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_head_is_drawn_around_the_brain_and_leaves_the_brain_as_it_is() -> None:
    scan = ball()
    for seed in range(5):
        head = with_head(scan, np.random.default_rng(seed))
        added = head.organ & ~scan.organ
        assert (head.organ[scan.organ]).all()
        assert added.any()
        assert not added[~scan.organ.any(axis=(1, 2))].any()
        assert head.t1 is not None
        for before, after in ((scan.flair, head.flair), (scan.t1, head.t1)):
            assert before is not None
            np.testing.assert_array_equal(before[scan.organ], after[scan.organ])
            assert (after[~head.organ] == 0).all()
            assert after[added].max() > 1.5 * after[added].min() > 0
        assert not head.lesions.any()


def test_the_mask_reaches_furthest_at_the_skull_base() -> None:
    scan = ball()
    low, high = 0, 0
    for seed in range(8):
        added = with_head(scan, np.random.default_rng(seed)).organ & ~scan.organ
        low += int(added[:5].sum())
        high += int(added[7:].sum())
    assert low > 1.5 * high


def test_a_head_around_a_scan_without_t1_has_none() -> None:
    flair_only = Corrected("ball", *(ball().flair, None, ball().organ, ball().lesions, ball().normal))
    assert with_head(flair_only, np.random.default_rng(0)).t1 is None
