"""Which known lesion was found or missed, and which object is false."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PatientSpecificTuningLib.engine.files.tables import write_table
from PatientSpecificTuningLib.engine.judging.detection import FALSE
from PatientSpecificTuningLib.engine.judging.detection import FOUND
from PatientSpecificTuningLib.engine.judging.detection import MISSED
from PatientSpecificTuningLib.engine.judging.detection import DetectionRow
from PatientSpecificTuningLib.engine.judging.detection import detection_table
from PatientSpecificTuningLib.engine.judging.detection import match_lesions

SHAPE = (4, 12, 14)
masks = arrays(bool, (2, 6, 7), elements=st.booleans())


def _reference_and_prediction() -> tuple[np.ndarray, np.ndarray]:
    reference, prediction = np.zeros((2, *SHAPE), dtype=bool)
    reference[1, 1:5, 1:5] = True  # found, by two objects of which the second overlaps more
    prediction[1, 1, 1] = True
    prediction[1, 3:6, 3:6] = True
    reference[1:3, 8:10, 1:3] = True  # missed
    prediction[2, 1:3, 10:13] = True  # false
    return reference, prediction


def test_every_voxel_of_a_lesion_or_an_object_is_found_missed_or_false() -> None:
    reference, prediction = _reference_and_prediction()
    outcome = match_lesions(reference, prediction).outcome()
    assert outcome.dtype == np.uint8
    assert (outcome[1, 1:5, 1:5] == FOUND).all()
    assert outcome[1, 5, 5] == FOUND
    assert (outcome[1:3, 8:10, 1:3] == MISSED).all()
    assert (outcome[2, 1:3, 10:13] == FALSE).all()
    assert np.array_equal(outcome > 0, reference | prediction)


def test_the_table_names_every_known_lesion_and_every_false_object_with_its_measures() -> None:
    match = match_lesions(*_reference_and_prediction())
    probability = np.full(SHAPE, 0.25, dtype=np.float32)
    deviation = np.full(SHAPE, 0.125, dtype=np.float32)
    rows = detection_table(match, 10.0, lambda index: [2 * value for value in index], probability, deviation)
    assert [(row.outcome, row.lesion, row.volume_mm3) for row in rows] == [
        ("found", 1, 160),
        ("missed", 2, 80),
        ("false", None, 60),
    ]
    assert [row.object for row in rows] == [1, None, 2]
    assert (rows[1].x_mm, rows[1].y_mm, rows[1].z_mm) == (3, 17, 3)
    assert {(row.mean_probability, row.mean_sd) for row in rows} == {(0.25, 0.125)}


def test_the_table_is_a_csv_with_empty_cells_where_there_is_no_number(tmp_path: Path) -> None:
    match = match_lesions(*_reference_and_prediction())
    values = np.zeros(SHAPE)
    rows = detection_table(match, 1.0, lambda index: index, values, values)
    write_table(rows, DetectionRow, tmp_path / "detections.csv")
    with open(tmp_path / "detections.csv", encoding="utf-8", newline="") as stream:
        read = list(csv.DictReader(stream))
    assert [row["outcome"] for row in read] == ["found", "missed", "false"]
    assert [row["lesion"] for row in read] == ["1", "2", ""]
    assert read[1]["object"] == ""


@given(masks, masks)
@settings(deadline=None)
def test_rows_and_voxels_agree_with_the_match(reference, prediction) -> None:
    match = match_lesions(reference, prediction)
    values = np.zeros(reference.shape)
    rows = detection_table(match, 1.0, lambda index: index, values, values)
    outcomes = [row.outcome for row in rows]
    assert outcomes.count("found") == match.found.sum()
    assert outcomes.count("missed") == (~match.found).sum()
    assert outcomes.count("false") == (~match.hits).sum()
    outcome = match.outcome()
    assert not (outcome[reference] == FALSE).any()
    assert not (outcome[prediction] == MISSED).any()


@pytest.mark.parametrize("swapped", [False, True])
def test_nothing_known_or_nothing_found_is_no_error(swapped: bool) -> None:
    empty, one = np.zeros((2, *SHAPE), dtype=bool)
    one[1, 2:4, 2:4] = True
    match = match_lesions(one, empty) if swapped else match_lesions(empty, one)
    assert set(np.unique(match.outcome())) == {0, MISSED if swapped else FALSE}
