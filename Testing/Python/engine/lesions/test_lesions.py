"""From softmax to numbered lesions and their table, and what became of them between two examinations."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.lesions.lesions import IN_PLANE_PLUS
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.lesions.lesions import label_lesions
from PatientSpecificTuningLib.engine.lesions.lesions import lesion_table
from PatientSpecificTuningLib.engine.lesions.lesions import write_lesion_table
from PatientSpecificTuningLib.engine.lesions.overlap_rule import compare_lesions
from PatientSpecificTuningLib.engine.model.card import PostProcessing
from scipy import ndimage

SHAPE = (4, 9, 9)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def _labels(**boxes: tuple[int, int, int]) -> np.ndarray:
    """One lesion per keyword: number_slice = (row, column, side)."""
    labels = np.zeros(SHAPE, dtype=np.int32)
    for name, (row, column, side) in boxes.items():
        number, z = name.lstrip("l").split("_")
        labels[int(z), row : row + side, column : column + side] = int(number)
    return labels


def test_closing_fills_a_gap_of_one_voxel() -> None:
    probability = np.zeros(SHAPE)
    probability[1, 4, [2, 4]] = 0.9
    probability[2, 4, 2:5] = 0.9
    probability[0, 4, 2:5] = 0.9
    assert binarize(probability, EVERYWHERE, PostProcessing())[1, 4, 3]


def test_a_lesion_at_the_border_of_the_image_is_not_lost() -> None:
    probability = np.zeros(SHAPE)
    probability[0, 0, :3] = 0.9
    assert binarize(probability, EVERYWHERE, PostProcessing())[0, 0, :3].all()


def test_nothing_outside_the_organ_becomes_a_lesion() -> None:
    organ = EVERYWHERE.copy()
    organ[:, :, 5:] = False
    assert not binarize(np.ones(SHAPE), organ, PostProcessing())[~organ].any()


def test_opening_removes_single_voxels_and_keeps_crosses() -> None:
    probability = np.zeros(SHAPE)
    probability[1, 1, 1] = 0.9
    probability[2, 5, 4:7] = 0.9
    probability[2, 4:7, 5] = 0.9
    opened = binarize(probability, EVERYWHERE, PostProcessing(opening=True))
    assert not opened[1].any()
    assert opened[2].sum() == 5


def test_the_threshold_itself_is_lesion() -> None:
    assert binarize(np.full(SHAPE, 0.5), EVERYWHERE, PostProcessing()).all()


@given(
    arrays(bool, SHAPE, elements=st.sampled_from([False] * 4 + [True])),
    arrays(bool, SHAPE, elements=st.booleans()),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.booleans(),
)
@settings(deadline=None)
def test_looking_at_the_box_round_all_lesions_finds_the_same_as_looking_everywhere(
    above, organ, closing, opening
) -> None:
    width = [(size // 2 + 1,) * 2 for size in closing]
    closed = ndimage.binary_closing(np.pad(above & organ, width), structure=np.ones(closing))
    closed = closed[tuple(slice(w, -w) for w, _ in width)]
    wanted = (ndimage.binary_opening(closed, structure=IN_PLANE_PLUS) if opening else closed) & organ
    found = binarize(above.astype(float), organ, PostProcessing(closing=closing, opening=opening))
    assert np.array_equal(found, wanted)
    assert np.array_equal(label_lesions(found) > 0, wanted)


@given(arrays(bool, SHAPE, elements=st.booleans()))
@settings(deadline=None)
def test_lesions_are_numbered_without_gaps_and_largest_first(mask) -> None:
    labels = label_lesions(mask)
    assert np.array_equal(labels > 0, mask)
    sizes = np.bincount(labels.ravel())[1:]
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()


def test_the_table_measures_each_lesion() -> None:
    labels = _labels(l1_2=(1, 2, 3), l2_0=(6, 6, 2))
    probability = np.where(labels == 1, 0.9, 0.6)
    sd = np.zeros(SHAPE)
    sd[2, 1, 2] = 0.3
    first, second = lesion_table(labels, 2.5, lambda index: [10 + i for i in index], probability, sd)
    assert (first.label, first.volume_mm3, first.slice) == (1, 22.5, 2)
    assert (first.x_mm, first.y_mm, first.z_mm) == (13, 12, 12)
    assert first.mean_probability == pytest.approx(0.9)
    assert first.mean_sd == pytest.approx(0.3 / 9)
    assert first.max_sd == pytest.approx(0.3)
    assert second.volume_mm3 == 10


def test_a_table_without_lesions_still_has_its_header(tmp_path: Path) -> None:
    write_lesion_table([], tmp_path / "lesions.csv")
    with (tmp_path / "lesions.csv").open(encoding="utf-8") as file:
        assert "volume_mm3" in csv.DictReader(file).fieldnames


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({}, {"l1_1": (1, 1, 2)}, "new"),
        ({"l1_1": (1, 1, 2)}, {}, "vanished"),
        ({"l1_1": (1, 1, 3)}, {"l1_1": (1, 2, 3)}, "stable"),
        ({"l1_1": (1, 1, 3)}, {"l1_1": (1, 1, 4)}, "grown"),
        ({"l1_1": (1, 1, 4)}, {"l1_1": (1, 1, 3)}, "shrunk"),
        ({"l1_1": (1, 1, 2), "l2_1": (1, 4, 2)}, {"l1_1": (1, 1, 5)}, "merged"),
        ({"l1_1": (1, 1, 5)}, {"l1_1": (1, 1, 2), "l2_1": (1, 4, 2)}, "split"),
    ],
)
def test_each_change_has_its_name(before, after, change: str) -> None:
    rows = compare_lesions(_labels(**before), _labels(**after), 1.0)
    assert [row.change for row in rows] == [change]


@given(arrays(bool, SHAPE, elements=st.booleans()), arrays(bool, SHAPE, elements=st.booleans()))
@settings(deadline=None)
def test_every_lesion_of_both_examinations_is_in_exactly_one_row(before, after) -> None:
    first, second = label_lesions(before), label_lesions(after)
    rows = compare_lesions(first, second, 2.0)
    assert sorted(n for row in rows for n in row.baseline_labels) == list(range(1, first.max() + 1))
    assert sorted(n for row in rows for n in row.followup_labels) == list(range(1, second.max() + 1))
    assert sum(row.baseline_volume_mm3 for row in rows) == pytest.approx(2.0 * before.sum())
    assert sum(row.followup_volume_mm3 for row in rows) == pytest.approx(2.0 * after.sum())
