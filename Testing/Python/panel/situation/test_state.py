"""The panel's state, situation by situation: what it shows, what it allows, and what it refuses to show."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from PatientSpecificTuningLib.panel.situation.conclusions import stateOf
from PatientSpecificTuningLib.panel.situation.correct_state import fingerprint
from PatientSpecificTuningLib.panel.situation.facts import Facts
from PatientSpecificTuningLib.panel.situation.facts import SliceContent
from PatientSpecificTuningLib.panel.situation.state import CHANGED_SINCE
from PatientSpecificTuningLib.panel.situation.state import CORRECTED
from PatientSpecificTuningLib.panel.situation.state import IN_PROGRESS
from PatientSpecificTuningLib.panel.situation.state import UNTOUCHED
from PatientSpecificTuningLib.panel.situation.state import Running
from situations import GRID
from situations import case
from situations import corrections
from situations import image
from situations import images
from situations import reviewed
from situations import situation
from situations import version

ELSEWHERE = dataclasses.replace(GRID, origin=(500.0, 500.0, 500.0))
SHIFTED = dataclasses.replace(GRID, origin=(0.0, 0.0, 5.0))
MARKED = corrections(marks={3: "as found"})
SWAPPED = {
    "baselineFirst": image("baselineFirst", date="20210301"),
    "followupFirst": image("followupFirst", date="20200301"),
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"followupFirst": None}, "Choose the FLAIR of the follow-up."),
        ({"baselineSecond": None}, "Choose the T1 of the baseline."),
        (
            {"followupSecond": image("followupFirst")},
            "followupFirst is chosen as FLAIR of the follow-up and as T1 of the follow-up; choose another for one of them.",
        ),
        (
            {"followupFirst": image("copy", content="content of baselineFirst")},
            "copy is chosen as FLAIR of the baseline and as FLAIR of the follow-up; choose another for one of them.",
        ),
        (
            {"baselineSecond": image("T1", grid=ELSEWHERE)},
            "The T1 of the baseline lies outside baselineFirst; check that both belong to one examination.",
        ),
        (
            {"baselineSecond": image("DCE", volumes=4)},
            "The T1 of the baseline (DCE) has 4 volume(s) but the model needs 1; choose another image or model.",
        ),
        (
            {"baselineFirst": image("empty", problem="empty has no image; load it again.")},
            "empty has no image; load it again.",
        ),
        (
            {"baselineFirst": image("flat", grid=dataclasses.replace(GRID, size=(40, 40, 1)))},
            "flat is a single slice; choose a volume with several slices.",
        ),
        (
            {"followupMask": image("mask", marksNothing=True)},
            "The brain mask mask marks nothing on followupFirst; check that both belong together.",
        ),
        (
            {"baselineLesions": image("lesions", marksNothing=True)},
            "The known lesions lesions marks nothing on baselineFirst; check that both belong together.",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_keeps_start_from_being_pressed(
    changes: dict[str, Any], sentence: str
) -> None:
    state = stateOf(situation(images=images(**changes)))
    assert state.problems == (sentence,)
    assert state.canStart.reason == sentence


def test_complete_examinations_can_be_started_and_nothing_else_can_be_done() -> None:
    state = stateOf(situation())
    assert state.canStart
    assert not any(
        (state.canCorrect, state.canMark, state.canTune, state.canReview, state.canExport, state.canCancel)
    )


def test_dicom_can_be_saved_where_the_follow_up_came_from_slicers_dicom_module() -> None:
    assert "DICOM module" in stateOf(reviewed()).canExportDicom.reason
    loaded = images(followupFirst=image("followupFirst", instances=("1.2.1",)))
    assert stateOf(reviewed(images=loaded)).canExportDicom


def test_an_empty_panel_complains_of_nothing_but_says_what_start_needs() -> None:
    state = stateOf(Facts(card=situation().card))
    assert state.problems == ()
    assert state.canStart.reason == "Choose the FLAIR of the baseline."


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        (
            {
                "baselineFirst": image("baselineFirst", patient="A 1"),
                "followupFirst": image("followupFirst", patient="B 2"),
            },
            "Baseline is of A 1, follow-up of B 2: are these one patient?",
        ),
        (SWAPPED, "The baseline (20210301) is later than the follow-up (20200301): are they swapped?"),
        (
            {
                "baselineFirst": image("baselineFirst", patient="A"),
                "baselineSecond": image("baselineSecond", patient="B"),
            },
            "The images of the baseline are of A and of B: are these one patient?",
        ),
    ],
)
def test_two_patients_and_swapped_dates_are_noticed(changes: dict[str, Any], hint: str) -> None:
    state = stateOf(situation(images=images(**changes)))
    assert hint in state.hints
    assert state.canStart


def test_a_case_on_other_grids_than_the_images_shows_nothing() -> None:
    moved = images(followupFirst=image("followupFirst", grid=SHIFTED))
    state = stateOf(reviewed(images=moved))
    assert not state.isPrepared
    assert state.step == "scans"
    assert (state.review.rows, state.review.versions, state.overlays, state.corrections.rows) == (
        (),
        (),
        (),
        (),
    )
    assert not state.canReview
    assert not state.canTune


def test_images_that_do_not_fit_show_nothing_of_their_case() -> None:
    state = stateOf(reviewed(images=images(followupSecond=None)))
    assert not state.isPrepared
    assert state.overlays == ()


def test_corrections_of_another_baseline_are_not_shown_and_not_learned_from() -> None:
    foreign = corrections(baseline="content of another patient", marks={3: "as found"})
    state = stateOf(situation("correct", case=case(), corrections=foreign))
    assert state.corrections.nodeId == ""
    assert state.overlays == ()
    assert state.canTune.reason == "There are no corrections of this baseline; begin them."


@pytest.mark.parametrize(
    ("marks", "content", "status"),
    [
        ({}, SliceContent("as found", "as found", 1.0), UNTOUCHED),
        ({}, SliceContent("drawn", "as found", 1.0), IN_PROGRESS),
        ({3: "drawn"}, SliceContent("drawn", "as found", 1.0), CORRECTED),
        ({3: "as found"}, SliceContent("as found", "as found", 1.0), CORRECTED),
        ({3: "drawn"}, SliceContent("drawn again", "as found", 1.0), CHANGED_SINCE),
    ],
)
def test_a_mark_counts_only_for_what_the_slice_held_when_it_was_marked(
    marks: dict[int, str], content: SliceContent, status: str
) -> None:
    drawn = corrections(marks=marks, slices={3: content})
    state = stateOf(situation("correct", case=case(), corrections=drawn))
    assert next(row.status for row in state.corrections.rows if row.slice == 3) == status
    assert (3 in state.corrections.learned) == (status == CORRECTED)
    assert bool(state.canTune) == (status == CORRECTED)


def test_the_proposed_slices_come_first_and_added_ones_follow() -> None:
    state = stateOf(situation("correct", case=case(), corrections=corrections(added=(2,))))
    assert [(row.slice, row.isProposed) for row in state.corrections.rows] == [
        (3, True),
        (4, True),
        (2, False),
    ]


def test_a_model_that_proposes_every_slice_with_a_lesion_goes_by_what_the_corrections_started_from() -> None:
    card = dataclasses.replace(situation().card, proposed_slices=None)
    started = corrections(startAreas={4: 12.0, 2: 3.0})
    state = stateOf(situation("correct", card=card, case=case(), corrections=started))
    assert [row.slice for row in state.corrections.rows] == [4, 2]


def test_the_slice_that_the_view_shows_is_the_one_that_is_marked() -> None:
    state = stateOf(situation("correct", case=case(), corrections=corrections(), shownSlice=4))
    assert [row.slice for row in state.corrections.rows if row.isShown] == [4]
    assert state.canMark
    elsewhere = stateOf(situation("correct", case=case(), corrections=corrections(), shownSlice=None))
    assert not elsewhere.canMark


@pytest.mark.parametrize(
    ("facts", "layout", "baseline", "followup"),
    [
        (situation(), "both", "node baselineFirst", "node followupFirst"),
        (situation(shownIds={"baseline": "b"}), "baseline", "b", ""),
        (situation(shownIds={}), "", "", ""),
        (reviewed("correct"), "baseline", "node baselineFirst", ""),
        (reviewed("result"), "both", "node baselineFirst", "node followupFirst"),
        (reviewed("result", {"sideBySide": False}), "followup", "", "node followupFirst"),
        (situation("result"), "both", "node baselineFirst", "node followupFirst"),
    ],
)
def test_each_step_shows_its_examinations(facts: Facts, layout: str, baseline: str, followup: str) -> None:
    views = stateOf(facts).views
    assert (views.layout, views.baselineId, views.followupId) == (layout, baseline, followup)


@pytest.mark.parametrize(
    ("facts", "overlays"),
    [
        (reviewed("scans"), {("corrections", "baseline"), ("outlines", "followup")}),
        (reviewed("correct"), {("corrections", "baseline")}),
        (reviewed("result"), {("before", "baseline"), ("outlines", "followup"), ("uncertainty", "followup")}),
        (
            reviewed("result", {"showCompared": True, "showUncertainty": False}),
            {("before", "baseline"), ("outlines", "followup"), ("compared", "followup")},
        ),
        (reviewed("result", {"showOutlines": False, "showUncertainty": False}), set()),
        (
            reviewed("correct", {"showWorkingImages": True}),
            {("corrections", "baseline")}
            | {(role, e) for role in ("organ", "image") for e in ("baseline", "followup")},
        ),
    ],
)
def test_every_overlay_belongs_to_one_examination(facts: Facts, overlays: set[tuple[str, str]]) -> None:
    assert {(overlay.role, overlay.examination) for overlay in stateOf(facts).overlays} == overlays


def test_the_base_cnn_is_shown_until_there_is_a_tuned_one() -> None:
    base = stateOf(reviewed(case=case(versions=(version("0001"),))))
    assert (base.review.shown, base.review.compared) == ("0001", "")
    tuned = stateOf(reviewed())
    assert (tuned.review.shown, tuned.review.compared) == ("0002", "0001")
    chosen = stateOf(reviewed(settings={"result": "0001"}))
    assert chosen.review.shown == "0001"


def test_a_version_says_that_corrections_changed_since_it_learned() -> None:
    now = corrections(marks={3: "as found"})
    learned = dataclasses.replace(now, learned={"0001": fingerprint(now)})
    assert not stateOf(reviewed(corrections=learned)).review.versions[0].correctionsChanged
    more = dataclasses.replace(learned, marks={3: "as found", 4: "as found"})
    state = stateOf(reviewed(corrections=more))
    assert state.review.versions[0].correctionsChanged
    assert state.newSince


def test_a_judgement_of_other_known_lesions_is_not_shown() -> None:
    judged = dataclasses.replace(
        version("0002", "0001"), evaluation={"dice": 0.7}, reference="content of followupLesions"
    )
    found = case(versions=(judged,))
    known = images(followupLesions=image("followupLesions"))
    assert (
        stateOf(reviewed(case=found, images=known)).review.judged
        == "Against the known lesions: overlap (Dice) 0.70."
    )
    other = images(followupLesions=image("followupLesions", content="others"))
    assert stateOf(reviewed(case=found, images=other)).review.judged == ""
    assert stateOf(reviewed(case=found)).review.judged == ""


@pytest.mark.parametrize("told", [False, True])
def test_found_missed_and_false_lesions_are_offered_where_the_comparison_tells_them(told: bool) -> None:
    known = {**images(), "followupLesions": image("followupLesions")}
    judged = dataclasses.replace(
        version("0001"),
        evaluation={"metrics": {"dice": 0.5}},
        reference=known["followupLesions"].content,
        hasDetections=told,
    )
    state = stateOf(reviewed(case=case(versions=(judged,)), images=known))
    assert state.review.judged
    assert ("detections" in state.review.overlays) is told
    assert ("detections" in {overlay.role for overlay in state.overlays}) is told


def test_while_something_runs_it_can_be_cancelled_and_nothing_else_is_started() -> None:
    state = stateOf(reviewed(running=Running("Learning"), corrections=MARKED, shownSlice=3))
    assert state.canCancel
    assert not any((state.canStart, state.canTune, state.canEvaluate, state.canRemoveVersion))
    assert state.canMark


def test_work_ahead_keeps_nobody_from_working() -> None:
    state = stateOf(reviewed(running=Running("Ahead", isAhead=True), corrections=MARKED))
    assert state.canTune


def test_a_step_that_has_nothing_to_show_falls_back() -> None:
    assert stateOf(situation("result")).step == "scans"
    assert stateOf(situation("correct")).step == "scans"
    assert stateOf(situation("result", case=case(), corrections=corrections())).step == "correct"


def test_a_missing_model_is_said_and_another_can_still_be_chosen() -> None:
    state = stateOf(
        situation(
            card=None,
            modelProblem="The model x of this scene is not on this computer; choose or add a model.",
        )
    )
    assert state.problems == ("The model x of this scene is not on this computer; choose or add a model.",)
    assert not state.canStart


def test_the_same_facts_give_the_same_state() -> None:
    assert stateOf(reviewed()) == stateOf(reviewed())


def test_a_rejected_cnn_gives_way_to_the_base_cnn() -> None:
    decision = {"choice": "base", "by": "Anna", "at": "2020-01-31T10:00:00+00:00", "tuned": "0001"}
    tuned = dataclasses.replace(version("0002", "0001"), decision=decision)
    review = stateOf(reviewed(case=case(versions=(tuned, version("0001"))))).review
    assert review.shown == "0001"
    assert (review.decidable, review.decided) == ("0001", "base")
    assert "Anna, 2020-01-31" in review.decision


def test_the_verdict_speaks_for_a_cnn_only_where_it_can_know() -> None:
    for known, recommended in ((True, "base"), (False, "")):
        verdict = {"known": known, "recommended": "base", "sentence": "..."}
        tuned = dataclasses.replace(version("0002", "0001"), verdict=verdict)
        review = stateOf(reviewed(case=case(versions=(tuned, version("0001"))))).review
        assert review.recommended == recommended


def test_without_a_tuned_cnn_there_is_nothing_to_decide() -> None:
    state = stateOf(reviewed(case=case(versions=(version("0001"),))))
    assert not state.canDecide
    assert state.review.decidable == ""


def test_the_alignment_is_said_in_one_line_with_its_figures() -> None:
    quality = {"organ_overlap": 0.984, "edge_distance_mm": 0.42, "good": True}
    review = stateOf(reviewed(case=case(versions=(version("0001", registration=quality),)))).review
    assert review.alignment == "Alignment: good (organ overlap 0.98, edges 0.4 mm apart)."
    poor = version("0001", registration={**quality, "good": False}, given_transform="a hash")
    review = stateOf(reviewed(case=case(versions=(poor,)))).review
    assert review.alignment.startswith("Alignment, by hand: poor")
    assert not review.isAligned


def test_a_version_of_another_alignment_says_so_in_its_title() -> None:
    versions = (version("0002", given_transform="a hash"), version("0001"))
    review = stateOf(reviewed(case=case(versions=versions, alignment={"given": "a hash"}))).review
    assert [v.title for v in review.versions] == ["Base CNN", "Base CNN, other alignment"]


def test_while_the_alignment_is_looked_at_nothing_else_lies_over_the_followup() -> None:
    state = stateOf(reviewed(isAligning=True))
    assert [(overlay.role, overlay.examination) for overlay in state.overlays] == [("blend", "followup")]


def test_how_a_version_was_made_names_slices_as_the_views_do() -> None:
    tuning = {
        "slices": [3],
        "annotation": "0123456789abcdef",
        "settings": {"seed": 7},
        "loss_history": [1, 0.5],
    }
    tuned = dataclasses.replace(version("0002", "0001"), tuning=tuning)
    made = stateOf(reviewed(case=case(versions=(tuned,)))).review.provenance
    facts = dict(made.facts)
    assert facts["Learned from"] == "corrected slices S 9.0 mm (0123456789ab)"
    assert facts["Settings"] == "seed 7"
    assert made.loss == (1.0, 0.5)


def test_a_version_is_compared_with_the_base_cnn_of_the_same_alignment() -> None:
    versions = (version("0003", "0001"), version("0002", given_transform="a hash"), version("0001"))
    assert stateOf(reviewed(case=case(versions=versions))).review.compared == "0001"


def test_notes_of_the_preparation_name_the_follow_up_as_users_do() -> None:
    notes = {"followup": ("The brain mask of the followup was estimated.",)}
    assert stateOf(situation(case=case(notes=notes))).followup.notes == (
        "The brain mask of the follow-up was estimated.",
    )
