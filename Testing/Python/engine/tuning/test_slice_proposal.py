"""The slices to correct are those whose mean softmax inside the organ is nearest to 0.5."""

from __future__ import annotations

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.tuning.slice_proposal import in_words
from PatientSpecificTuningLib.engine.tuning.slice_proposal import mean_softmax_per_slice
from PatientSpecificTuningLib.engine.tuning.slice_proposal import propose_slices

ORGAN = np.zeros((6, 8, 8), dtype=bool)
ORGAN[1:, 2:6, 2:6] = True


def _probability(*means: float) -> np.ndarray:
    """Each slice has one mean everywhere inside the organ and 1 outside, where it must not count."""
    probability = np.ones(ORGAN.shape)
    for z, mean in enumerate(means):
        probability[z][ORGAN[z]] = mean
    return probability


PROBABILITY = _probability(0, 0.1, 0.45, 0.9, 0.3, 0.02)


def test_the_mean_is_taken_inside_the_organ() -> None:
    means = mean_softmax_per_slice(PROBABILITY, ORGAN)
    assert np.isnan(means[0])
    assert means[1:] == pytest.approx([0.1, 0.45, 0.9, 0.3, 0.02])


def test_slices_come_in_the_order_of_their_distance_to_one_half() -> None:
    proposals = propose_slices(PROBABILITY, ORGAN, count=None)
    assert [p.slice for p in proposals] == [2, 4, 1, 3, 5]
    assert [p.rank for p in proposals] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_can_be_proposed(count: int) -> None:
    assert len(propose_slices(PROBABILITY, ORGAN, count=count)) == count


def test_more_slices_than_there_are_gives_all() -> None:
    assert len(propose_slices(PROBABILITY, ORGAN, count=99)) == 5


def test_among_lesion_slices_by_the_given_labels() -> None:
    labels = np.zeros(ORGAN.shape, dtype=bool)
    labels[[1, 5], 3, 3] = True
    proposals = propose_slices(PROBABILITY, ORGAN, count=None, among="lesion", lesion_labels=labels)
    assert [(p.slice, p.lesion_area_voxels) for p in proposals] == [(1, 1), (5, 1)]


def test_without_labels_a_lesion_is_what_the_base_cnn_found() -> None:
    assert [p.slice for p in propose_slices(PROBABILITY, ORGAN, count=None, among="lesion")] == [3]


def test_ties_go_to_the_lower_slice() -> None:
    proposals = propose_slices(_probability(0, 0.4, 0.6, 0.4, 0.6, 0.4), ORGAN, count=None)
    assert [p.slice for p in proposals] == [1, 2, 3, 4, 5]


def test_no_lesion_slice_is_one_sentence() -> None:
    with pytest.raises(InputError, match="No slice of the baseline shows any lesion"):
        propose_slices(PROBABILITY * 0.1, ORGAN, among="lesion")


def _doubtful(*voxels: int) -> np.ndarray:
    """On each slice so many of the organ's 16 voxels are in doubt; the CNN is sure of all others."""
    probability = np.zeros(ORGAN.shape)
    for z, count in enumerate(voxels):
        rows, columns = np.nonzero(ORGAN[z])
        probability[z, rows[:count], columns[:count]] = 0.4
    return probability


def test_gain_takes_the_slice_with_most_in_doubt_and_says_how_much() -> None:
    best = propose_slices(_doubtful(0, 2, 9, 1, 5, 3), ORGAN, count=1, criterion="gain")[0]
    assert (best.slice, best.doubt_voxels) == (2, pytest.approx(9 * 0.4))
    assert best.nearest_mm is None


def test_gain_leaves_neighbours_for_later_whatever_is_in_doubt_there() -> None:
    probability = _doubtful(0, 2, 9, 8, 5, 3)
    apart = propose_slices(probability, ORGAN, count=None, criterion="gain", slice_mm=5, distance_mm=10)
    assert [p.slice for p in apart] == [2, 4, 3, 5, 1]
    near = propose_slices(probability, ORGAN, count=None, criterion="gain", slice_mm=5, distance_mm=0)
    assert [p.slice for p in near] == [2, 3, 4, 5, 1]


def test_corrected_slices_are_not_proposed_and_keep_their_neighbours_away() -> None:
    settings = {"criterion": "gain", "slice_mm": 5, "distance_mm": 10}
    proposals = propose_slices(_doubtful(0, 2, 9, 8, 5, 3), ORGAN, count=None, corrected=[2], **settings)
    assert [(p.slice, p.nearest_mm) for p in proposals] == [(4, 10.0), (3, 5.0), (5, 5.0), (1, 5.0)]


def test_a_slice_that_shows_little_organ_comes_last() -> None:
    organ = ORGAN.copy()
    organ[2] = False
    organ[2, 2, 2:5] = True
    probability = np.where(organ, _doubtful(0, 2, 9, 1, 5, 3), 0)
    proposals = propose_slices(probability, organ, count=None, criterion="gain", distance_mm=0)
    assert [p.slice for p in proposals] == [4, 5, 1, 3, 2]


def test_the_papers_score_knows_no_distance_unless_one_is_given() -> None:
    assert [p.slice for p in propose_slices(PROBABILITY, ORGAN, count=3)] == [2, 4, 1]
    apart = propose_slices(PROBABILITY, ORGAN, count=3, slice_mm=5, distance_mm=15)
    assert [p.slice for p in apart] == [2, 5, 4]


def test_a_proposal_says_why_in_words() -> None:
    proposals = propose_slices(_doubtful(0, 2, 9, 1, 5, 3), ORGAN, count=2, criterion="gain", slice_mm=6)
    assert in_words(proposals[0]) == "the CNN is in doubt about some 4 voxels and finds 0 of lesion"
    assert in_words(proposals[1]).endswith("12 mm from the nearest slice corrected or proposed before")


@pytest.mark.parametrize("wrong", [{"criterion": "luck"}, {"distance_mm": -1}, {"distance_mm": float("nan")}])
def test_a_criterion_that_does_not_exist_is_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match="use one of paper, gain"):
        propose_slices(PROBABILITY, ORGAN, **wrong)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": -1}, {"among": "everything"}])
def test_options_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match="use 1 or more slices among"):
        propose_slices(PROBABILITY, ORGAN, **wrong)
