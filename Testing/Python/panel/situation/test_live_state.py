"""What step 2 shows once the CNN learns while slices are corrected."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from PatientSpecificTuningLib.panel.situation.conclusions import stateOf
from PatientSpecificTuningLib.panel.situation.correct_state import nextProposals
from PatientSpecificTuningLib.panel.situation.facts import Facts
from PatientSpecificTuningLib.panel.situation.facts import SliceContent
from PatientSpecificTuningLib.panel.situation.state import SliceRow
from situations import case
from situations import corrections
from situations import live
from situations import situation

LEARNED = live(3)
FOUND = SliceContent("as found", "as found", 20.0)
DRAWN = SliceContent("drawn", "as found", 20.0)


def learning(settings: dict[str, Any] | None = None, shown: int | None = None, **changes: Any) -> Facts:
    """Slice 3 is corrected and learned from; 5 and 4 are proposed now."""
    slices = dict.fromkeys((1, 2, 3, 4, 5), FOUND) | changes.pop("slices", {})
    known = {"marks": {3: "as found"}, "proposed": (5, 4), "live": LEARNED.labels_sha256} | changes
    drawn = corrections(slices=slices, **known)
    return situation("correct", settings, case=case(live=LEARNED), corrections=drawn, shownSlice=shown)


def rows(facts: Facts) -> list[SliceRow]:
    return list(stateOf(facts).corrections.rows)


def test_corrected_slices_come_first_and_the_best_open_ones_follow() -> None:
    found = rows(learning())
    assert [(row.slice, row.status) for row in found] == [
        (3, "corrected"),
        (5, "untouched"),
        (4, "untouched"),
    ]
    assert [row.isProposed for row in found] == [True, True, True]


def test_an_open_slice_says_how_much_of_it_is_in_doubt_and_why_it_is_proposed() -> None:
    corrected, first, second = rows(learning({"criterion": "gain"}))
    # One voxel of the grid is 1 mm\u00b2 in plane.
    assert (corrected.doubt, first.doubt, second.doubt) == ("", "20 mm\u00b2", "10 mm\u00b2")
    assert first.why == "in doubt, 6 mm from the others"
    assert rows(learning())[1].why == "probability nearest to one half"


def test_before_anything_is_learned_the_base_cnns_proposals_say_how_much_is_in_doubt() -> None:
    proposals = tuple(dataclasses.replace(p, doubt_voxels=7.0) for p in case().proposals)
    found = rows(situation("correct", case=case(proposals=proposals), corrections=corrections()))
    assert [(row.slice, row.doubt) for row in found] == [(3, "7 mm\u00b2"), (4, "7 mm\u00b2")]


@pytest.mark.parametrize(
    "facts",
    [
        learning({"learnWhileCorrecting": False}),
        learning(live="of other corrections of this case"),
    ],
    ids=["switched off", "of other corrections"],
)
def test_what_was_learned_counts_only_where_it_is_wanted_and_of_these_corrections(facts: Facts) -> None:
    assert [row.slice for row in rows(facts)] == [3, 4]
    assert not stateOf(facts).corrections.isLearned


def test_the_summary_says_that_open_slices_show_what_was_learned() -> None:
    assert "Open slices show what the CNN finds since." in stateOf(learning()).corrections.summary
    newer = learning(marks={3: "as found", 4: "as found"})
    assert "Open slices" not in stateOf(newer).corrections.summary


def test_known_lesions_stay_as_they_are_and_nothing_else_is_said() -> None:
    assert "Open slices" not in stateOf(learning(startIsKnownLesions=True)).corrections.summary


@pytest.mark.parametrize(
    ("facts", "proposed"),
    [
        (learning(), (5, 4)),
        (learning(proposed=(1, 2)), (5, 4)),
        (learning(proposed=(1, 2), shown=2), (5, 2)),
        (learning(proposed=(1, 2), slices={1: DRAWN}), (5, 1)),
        (learning(proposed=(1, 2), shown=2, slices={1: DRAWN}), (2, 1)),
        (learning(marks={3: "as found", 5: "as found"}), (4, 2)),
        (learning({"proposedSlices": 3}), (5, 4, 2)),
        (learning(proposed=(), live="", shown=4), (5, 4)),
    ],
    ids=[
        "the best",
        "the best instead of those before",
        "the shown one stays",
        "a begun one stays",
        "both stay",
        "a corrected one goes",
        "as many as wanted",
        "the first time",
    ],
)
def test_the_next_proposals_are_the_best_besides_what_is_begun_or_looked_at(
    facts: Facts, proposed: tuple[int, ...]
) -> None:
    assert nextProposals(facts, LEARNED) == proposed


def test_a_model_that_needs_every_lesion_slice_goes_by_what_is_found_now() -> None:
    facts = learning()
    card = dataclasses.replace(facts.card, proposed_slices=None)
    found = dataclasses.replace(LEARNED.proposals[0], lesion_area_voxels=0)
    learned = dataclasses.replace(LEARNED, proposals=(found, *LEARNED.proposals[1:]))
    assert nextProposals(dataclasses.replace(facts, card=card), learned) == (4, 2, 1)
