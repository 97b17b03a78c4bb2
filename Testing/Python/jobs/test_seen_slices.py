"""What is seen on a slice survives the way from the worker to the panel, whatever its size."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.jobs.seen_slices import SeenSlice


@pytest.mark.parametrize("rows_columns", [(1, 1), (7, 5), (182, 218)])
def test_a_slice_is_the_same_after_it_was_a_line_of_text(rows_columns: tuple[int, int]) -> None:
    lesions = np.random.default_rng(0).random(rows_columns) < 0.1
    rows, columns = rows_columns
    grid = Grid((columns, rows, 9), (1.0, 1.0, 3.0), (0.0, -4.5, 2.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    said = json.loads(json.dumps(SeenSlice("followup", grid, 4, lesions).to_dict()))
    seen = SeenSlice.from_dict(said)
    assert (seen.examination, seen.grid, seen.position) == ("followup", grid, 4)
    np.testing.assert_array_equal(seen.lesions, lesions)
