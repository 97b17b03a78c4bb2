"""What became of each lesion: matching, names, volumes, places, and that noise is no sure change."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.lesions.change import SURE_LOST
from PatientSpecificTuningLib.engine.lesions.change import SURE_NEW
from PatientSpecificTuningLib.engine.lesions.change import Places
from PatientSpecificTuningLib.engine.lesions.change import SeenLesions
from PatientSpecificTuningLib.engine.lesions.change import find_change
from PatientSpecificTuningLib.engine.lesions.change import write_change_table
from PatientSpecificTuningLib.engine.lesions.change_evidence import ChangeSettings
from PatientSpecificTuningLib.engine.lesions.change_evidence import joint_excess
from PatientSpecificTuningLib.engine.lesions.change_evidence import surface_mm2
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import lesion_logit
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import lesion_volumes
from PatientSpecificTuningLib.engine.lesions.lesions import label_lesions

SHAPE = (12, 60, 60)
SPACING = (1.0, 1.0, 3.0)
GRID = Grid(SHAPE[::-1], SPACING, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
SETTINGS = ChangeSettings()
PLACES = Places(
    SPACING,
    lambda index: [i * s for i, s in zip(index, SPACING, strict=True)],
    lambda point: [point[0] + 100, point[1], point[2]],
)
Ball = tuple[tuple[float, float, float], float]


def seen(*balls: Ball, certain: float = 4.0) -> SeenLesions:
    """An examination with balls (centre z, y, x in voxels; radius in mm), whose logit falls off at their border."""
    places = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    logit = np.full(SHAPE, -6.0, dtype=np.float32)
    for centre, radius in balls:
        distance = np.linalg.norm((places - np.array(centre)) * SPACING[::-1], axis=-1)
        logit = np.maximum(logit, np.clip(2 * (radius - distance), -6, certain)).astype(np.float32)
    return of_logit(logit)


def of_logit(logit: np.ndarray) -> SeenLesions:
    labels = label_lesions(logit >= 0)
    return SeenLesions(labels, lesion_volumes(labels, GRID), logit, np.full(SHAPE, 0.5, np.float32), logit)


def changes(before: SeenLesions, after: SeenLesions, settings: ChangeSettings = SETTINGS):
    return find_change(before, after, PLACES, settings).rows


OLD = ((5, 20, 20), 5.0)


@pytest.mark.parametrize(
    ("before", "after", "change", "match", "sure"),
    [
        ([OLD], [OLD], "stable", "one", 0),
        ([], [OLD], "new", "none", 1),
        ([OLD], [], "vanished", "none", 1),
        ([OLD], [((5, 20, 20), 9.0)], "grown", "one", 1),
        ([((5, 20, 20), 9.0)], [OLD], "shrunk", "one", 1),
    ],
)
def test_a_clear_change_has_its_name_and_is_sure(before, after, change, match, sure) -> None:
    (row,) = changes(seen(*before), seen(*after))
    assert (row.change, row.match, row.sure) == (change, match, sure)
    assert row.difference_mm3 == pytest.approx(row.followup_volume_mm3 - row.baseline_volume_mm3)


@given(arrays(np.float32, 20, elements=st.floats(0, 1, width=32)))
def test_the_logit_of_a_softmax_is_bounded(softmax) -> None:
    with np.errstate(divide="ignore"):
        wanted = np.log(softmax.astype(float)) - np.log1p(-softmax.astype(float))
    np.testing.assert_allclose(lesion_logit(softmax), np.clip(wanted, -8, 8), rtol=1e-6, atol=1e-6)


def test_lesions_that_joined_are_one_merged_row_and_one_that_fell_apart_is_several() -> None:
    apart = seen(((5, 20, 16), 4.0), ((5, 20, 28), 4.0))
    joined = seen(((5, 20, 16), 4.0), ((5, 20, 28), 4.0), ((5, 20, 22), 4.5))
    (row,) = changes(apart, joined)
    assert (row.match, row.baseline_labels) == ("merged", (1, 2))
    rows = changes(joined, apart)
    assert [row.match for row in rows] == ["split", "split"]
    assert sum(row.baseline_volume_mm3 for row in rows) == pytest.approx(joined.volumes_mm3[1])


def test_a_border_that_moved_by_a_voxel_is_no_sure_change() -> None:
    for centre in ((5, 21, 20), (5, 20, 19), (5.3, 20.4, 20.4)):
        (row,) = changes(seen(OLD), seen((centre, 5.0)))
        assert row.sure == 0


def test_a_faint_lesion_that_flickers_round_the_threshold_is_named_new_but_not_sure() -> None:
    faint = seen(((5, 20, 20), 4.0), certain=0.4)
    missed = of_logit(faint.logit - 0.8)
    (row,) = changes(missed, faint)
    assert (row.change, row.sure) == ("new", 0)


def test_a_new_part_is_news_whatever_it_touches() -> None:
    spot, growth = ((5, 20, 20), 3.0), ((5, 20, 28), 7.0)
    (row,) = changes(seen(spot), seen(spot, growth))
    assert (row.change, row.sure, row.match) == ("grown", 1, "one")
    assert row.new_part_mm3 > 500
    assert row.new_part_x_mm == pytest.approx(28, abs=3)


def test_the_table_tells_the_new_part_of_a_lesion_apart_from_its_growth(tmp_path: Path) -> None:
    """A new part of 2 ml is news whatever it touches: it has its own volume and place beside those of the lesion."""
    old, part = ((5, 20, 20), 6.0), ((5, 20, 34), 8.0)
    found = find_change(seen(old), seen(old, part), PLACES, SETTINGS)
    write_change_table(found.rows, tmp_path / "change.csv")
    with (tmp_path / "change.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["change"], row["sure"], row["baseline_labels"]) == ("grown", "1", "1")
    marked = np.count_nonzero(found.map == SURE_NEW) * np.prod(SPACING)
    assert float(row["new_part_mm3"]) == pytest.approx(marked)
    assert 1500 < marked < float(row["difference_mm3"]) + 1
    assert float(row["new_part_x_mm"]) == pytest.approx(34, abs=3)


def test_a_new_part_counts_also_where_the_lesion_shrank_elsewhere() -> None:
    before = seen(((5, 20, 16), 8.0))
    after = seen(((5, 20, 22), 5.0), ((5, 20, 28), 5.0))
    (row,) = changes(before, after)
    assert row.followup_volume_mm3 < row.baseline_volume_mm3
    assert (row.change, row.sure) == ("grown", 1)


def test_what_lies_outside_of_the_baseline_is_not_called_new() -> None:
    before = seen()
    unknown = before.highest_logit.copy()
    unknown[:, :, 10:30] = 4.0
    (row,) = changes(replace(before, highest_logit=unknown), seen(OLD))
    assert (row.change, row.sure) == ("new", 0)


def test_a_lesion_that_a_person_drew_and_no_cnn_saw_does_not_vanish_surely() -> None:
    drawn = replace(seen(OLD), logit=np.full(SHAPE, -6.0, np.float32), drawn=frozenset({1}))
    (row,) = changes(drawn, seen())
    assert (row.change, row.sure) == ("vanished", 0)


FAINT = (((5, 30, 30), 4.0),)


def faint_change(brightness: float, *, lost: bool = False) -> tuple[str, int]:
    """A lesion that one examination shows faintly and the other nearly, with what the images say of it."""
    there = seen(*FAINT, certain=1.0)
    nearly = of_logit(there.logit - 1.5)
    before, after = (there, nearly) if lost else (nearly, there)
    brightened = np.full(SHAPE, brightness, dtype=np.float32)
    (row,) = find_change(before, after, PLACES, SETTINGS, brightened=brightened).rows
    return row.change, row.sure


@pytest.mark.parametrize(("lost", "name"), [(False, "new"), (True, "vanished")])
def test_a_change_of_which_the_cnn_is_not_sure_is_sure_where_the_images_show_it(
    lost: bool, name: str
) -> None:
    sign = -1 if lost else 1
    assert faint_change(0.0, lost=lost) == (name, 0)
    assert faint_change(6.0 * sign, lost=lost) == (name, 1)
    assert faint_change(-6.0 * sign, lost=lost) == (name, 0)


@given(st.floats(-5, 8), st.floats(-100, 100))
@hypothesis_settings(deadline=None)
def test_brightness_takes_nothing_away_and_is_no_lesion_on_its_own(
    by_logit: float, brightness: float
) -> None:
    together = joint_excess(by_logit, brightness, SETTINGS)
    assert together >= by_logit
    assert together <= max(by_logit, 2.5 * by_logit)


def test_the_more_lesions_are_looked_at_the_less_is_one_of_them_sure() -> None:
    faint = ((5, 30, 30), 3.0)
    others = [((z, y, x), 2.5) for z in (2, 8) for y in (8, 30, 52) for x in (8, 52)]
    settings = replace(SETTINGS, repeat_logit_sd=2.0)
    alone = changes(seen(), seen(faint, certain=1.0), settings)[0]
    among = next(
        row
        for row in changes(seen(*others), seen(*others, faint, certain=1.0), settings)
        if row.change == "new"
    )
    assert among.probability < alone.probability


def test_positions_lie_inside_the_lesion_in_both_examinations() -> None:
    (row,) = changes(seen(OLD), seen(((5, 20, 21), 5.0)))
    assert (row.followup_x_mm, row.followup_y_mm, row.followup_z_mm) == (21, 20, 15)
    assert (row.baseline_x_mm, row.baseline_y_mm, row.baseline_z_mm) == (121, 20, 15)


def test_the_map_marks_sure_new_and_sure_lost_tissue_and_no_border() -> None:
    other = ((5, 45, 45), 5.0)
    found = find_change(seen(OLD), seen(other), PLACES, SETTINGS)
    assert set(np.unique(found.map)) == {0, SURE_NEW, SURE_LOST}
    assert found.map[5, 45, 45] == SURE_NEW
    assert found.map[5, 20, 20] == SURE_LOST
    assert not find_change(seen(OLD), seen(((5, 21, 20), 5.0)), PLACES, SETTINGS).map.any()


def test_sure_rows_come_first() -> None:
    before = seen(((5, 12, 12), 5.0), ((5, 45, 12), 5.0))
    after = seen(((5, 12, 12), 5.0), ((5, 45, 12), 5.3), ((5, 45, 45), 6.0))
    assert [row.sure for row in changes(before, after)] == [1, 0, 0]


def test_the_table_tells_volumes_per_year_only_where_dates_are_known(tmp_path: Path) -> None:
    before, after = seen(OLD), seen(((5, 20, 20), 9.0))
    for years, told in ((2.0, True), (None, False)):
        rows = find_change(before, after, PLACES, SETTINGS, years=years).rows
        write_change_table(rows, tmp_path / "change.csv")
        with (tmp_path / "change.csv").open(encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        assert bool(row["per_year_mm3"]) is told
        assert row["followup_labels"] == "1"
    assert rows[0].difference_mm3 > 0


def test_reach_is_one_voxel_at_least_and_follows_the_error_of_the_border() -> None:
    assert ChangeSettings(border_error_mm=1.0).reach((0.96, 0.96, 3.0)).shape == (3, 3, 3)
    wide = ChangeSettings(border_error_mm=3.0).reach((1.0, 1.0, 3.0))
    assert wide.shape == (3, 7, 7)
    assert not wide[0, 0, 0]
    assert wide[1, 3, 0]


def test_the_surface_of_a_ball_is_that_of_a_ball() -> None:
    places = np.stack(np.meshgrid(*[np.arange(41)] * 3, indexing="ij"), axis=-1) - 20
    ball = np.linalg.norm(places, axis=-1) < 15
    assert surface_mm2(ball, (1.0, 1.0, 1.0)) == pytest.approx(4 * np.pi * 15**2, rel=0.08)


@given(arrays(bool, (3, 8, 8), elements=st.booleans()), arrays(bool, (3, 8, 8), elements=st.booleans()))
@hypothesis_settings(deadline=None, max_examples=15)
def test_every_lesion_of_both_examinations_is_accounted_for(before, after) -> None:
    grid = replace(GRID, size=(8, 8, 3))
    sides = []
    for mask in (before, after):
        labels = label_lesions(mask)
        logit = np.where(mask, 2.0, -2.0).astype(np.float32)
        sides.append(SeenLesions(labels, lesion_volumes(labels, grid), logit, np.zeros_like(logit), logit))
    rows = changes(*sides)
    assert sorted(n for row in rows for n in row.followup_labels) == sorted(sides[1].volumes_mm3)
    assert {n for row in rows for n in row.baseline_labels} == set(sides[0].volumes_mm3)
    for name, side in (("baseline", sides[0]), ("followup", sides[1])):
        total = sum(getattr(row, f"{name}_volume_mm3") for row in rows)
        assert total == pytest.approx(sum(side.volumes_mm3.values()))
