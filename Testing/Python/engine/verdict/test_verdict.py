"""Whether the tuned CNN is better: slices left out, the rule, the sentence, and the decision that is recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.verdict.leave_out import MOST_FOLDS
from PatientSpecificTuningLib.engine.verdict.leave_out import LeftOut
from PatientSpecificTuningLib.engine.verdict.leave_out import folds_of
from PatientSpecificTuningLib.engine.verdict.leave_out import part_of_lesions
from PatientSpecificTuningLib.engine.verdict.verdict import Comparison
from PatientSpecificTuningLib.engine.verdict.verdict import Found
from PatientSpecificTuningLib.engine.verdict.verdict import compare_found
from PatientSpecificTuningLib.engine.verdict.verdict import is_better
from PatientSpecificTuningLib.engine.verdict.verdict import is_worse
from PatientSpecificTuningLib.engine.verdict.verdict import read_decision
from PatientSpecificTuningLib.engine.verdict.verdict import read_verdict
from PatientSpecificTuningLib.engine.verdict.verdict import verdict_on

BASE = Found(dice=0.70, lesions=12, found=9, small=4, small_found=2, false=7)
SHAPE = (4, 12, 12)


def _lesions(*slices: int) -> np.ndarray:
    labels = np.zeros(SHAPE, dtype=bool)
    labels[list(slices), 4:8, 4:8] = True
    return labels


def _compared(tuned: Found) -> Comparison:
    lost = BASE.found - tuned.found
    return Comparison(BASE, tuned, max(lost, 0), max(-lost, 0))


def test_every_slice_is_left_out_once_where_the_others_show_a_lesion() -> None:
    assert folds_of((0, 1, 3), _lesions(0, 1, 3)) == [(0,), (1,), (3,)]
    assert folds_of((0, 1), _lesions(0)) == [(1,)]
    assert folds_of((2,), _lesions(2)) == []


def test_a_slice_with_most_of_the_lesions_cannot_be_left_out() -> None:
    labels = _lesions(0, 1, 3)
    labels[3] = True
    assert folds_of((0, 1, 3), labels) == [(0,), (1,)]
    assert part_of_lesions([0, 1], (0, 1, 3), labels) == pytest.approx(32 / (32 + 144))


def test_what_was_judged_on_a_small_part_of_the_lesions_is_not_known() -> None:
    labels = _lesions(0, 1)
    left_out = LeftOut((0, 1), _lesions(), labels, 2, judged_part=0.2)
    verdict = verdict_on(left_out, labels, 2.75, "segmentation")
    assert not verdict["known"]
    assert verdict["better"] is None


def test_many_slices_are_left_out_in_groups() -> None:
    labels = np.ones((30, 2, 2), dtype=bool)
    groups = folds_of(tuple(range(30)), labels)
    assert len(groups) == MOST_FOLDS
    assert sorted(position for group in groups for position in group) == list(range(30))


@pytest.mark.parametrize(
    ("dice", "lost", "gained", "better"),
    [
        (0.81, 0, 2, True),
        (0.71, 0, 0, True),
        (0.70, 0, 5, False),
        (0.60, 0, 5, False),
        (0.85, 3, 0, True),
        (0.85, 5, 0, False),
        (0.85, 6, 2, True),
        (0.85, 12, 3, False),
    ],
)
def test_a_better_dice_does_not_excuse_more_lost_lesions_than_chance_explains(
    dice: float, lost: int, gained: int, better: bool
) -> None:
    found = Comparison(BASE, replace(BASE, dice=dice), lost, gained)
    assert is_better(found, None, "segmentation") is better


def test_what_was_left_out_weighs_more_than_what_was_learned_from_but_not_alone() -> None:
    worse, better = (_compared(replace(BASE, dice=BASE.dice + change)) for change in (-0.02, 0.10))
    assert is_better(worse, better, "segmentation")
    assert not is_better(worse, _compared(replace(BASE, dice=BASE.dice + 0.03)), "segmentation")
    assert not is_better(worse, None, "segmentation")


def test_a_cnn_that_knows_by_heart_what_it_learned_is_judged_by_what_was_left_out() -> None:
    base = replace(BASE, dice=0.08)
    left_out = Comparison(base, replace(BASE, dice=0.0, found=0), lost=2, gained=0)
    learned = Comparison(base, replace(BASE, dice=0.30), lost=0, gained=0)
    assert not is_better(left_out, learned, "segmentation")


def test_a_recommendation_against_the_slices_left_out_says_why() -> None:
    labels = _lesions(0, 1, 2)
    smaller = labels.copy()
    smaller[:, 4] = False
    learned = Comparison(replace(BASE, dice=0.5), replace(BASE, dice=0.9), lost=0, gained=0)
    verdict = verdict_on(LeftOut((0, 1, 2), labels, smaller, 3), labels, 2.75, "segmentation", None, learned)
    assert verdict["recommended"] == "tuned"
    assert "Dice 0.90 instead of 0.50, which outweighs that" in verdict["sentence"]


def test_a_detection_is_judged_by_lesions_and_false_objects() -> None:
    assert is_better(_compared(replace(BASE, dice=0.1, false=2)), None, "detection")
    assert not is_better(_compared(replace(BASE, dice=0.9, false=20)), None, "detection")


def test_lesions_that_one_cnn_finds_and_the_other_does_not_are_counted_by_lesion() -> None:
    known, base, tuned = (np.zeros((1, 12, 12), dtype=bool) for _ in range(3))
    for place in (0, 3, 6, 9):
        known[0, place, :2] = True
    base[0, (0, 3), 0] = tuned[0, 6, 0] = tuned[0, 11, 11] = True
    found = compare_found(known, base, tuned, 2.75, 100.0)
    assert (found.lost, found.gained) == (2, 1)
    assert (found.base.found, found.base.false) == (2, 0)
    assert (found.tuned.found, found.tuned.false) == (1, 1)
    assert found.tuned.small_found == 1


def test_the_verdict_is_one_sentence_with_figures() -> None:
    labels = _lesions(0, 1, 2)
    left_out = LeftOut((0, 1, 2), base=_lesions(0), tuned=labels, folds=3)
    verdict = verdict_on(left_out, labels, 2.75, "segmentation")
    assert verdict["known"]
    assert verdict["better"]
    assert verdict["recommended"] == "tuned"
    assert "3 corrected slices" in verdict["sentence"]
    assert "finds 1 of 1 lesions instead of 1" in verdict["sentence"]
    assert "Dice 1.00 instead of 0.50" in verdict["sentence"]


def test_a_worse_cnn_is_not_recommended_and_the_sentence_says_so() -> None:
    labels = _lesions(0, 1)
    verdict = verdict_on(LeftOut((0, 1), labels, _lesions(), 2), labels, 2.75, "segmentation")
    assert verdict["recommended"] == "base"
    assert verdict["sentence"].endswith("Keep the base CNN.")


def test_a_cnn_that_loses_injected_lesions_is_not_recommended() -> None:
    labels = _lesions(0, 1)
    injected = {"rows": [], "loses_too_many": True, "sentence": "Of 8 lesions it finds 2."}
    left_out = LeftOut((0, 1), _lesions(), labels, 2)
    assert verdict_on(left_out, labels, 2.75, "segmentation")["recommended"] == "tuned"
    verdict = verdict_on(left_out, labels, 2.75, "segmentation", injected)
    assert verdict["recommended"] == "base"
    assert verdict["sentence"].endswith("Of 8 lesions it finds 2. Keep the base CNN.")


def test_a_cnn_that_forgets_lesions_that_it_was_shown_is_not_recommended_though_nobody_can_know() -> None:
    labels = _lesions(0)
    left_out = LeftOut((), _lesions(), _lesions(), 0, judged_part=0.0)
    shown = Comparison(replace(BASE, dice=0.17), replace(BASE, dice=0.27, found=3), lost=6, gained=0)
    verdict = verdict_on(left_out, labels, 2.75, "segmentation", learned=shown)
    assert (verdict["known"], verdict["recommended"]) == (False, "base")
    assert (
        "On the slices that it learned from, the tuned CNN finds 3 of 12 lesions instead of 9"
        in verdict["sentence"]
    )
    assert not is_worse(_compared(BASE), "segmentation")
    assert is_worse(_compared(replace(BASE, dice=0.69, false=8)), "segmentation")
    assert not is_worse(_compared(replace(BASE, dice=0.69)), "segmentation")
    assert is_worse(_compared(replace(BASE, false=9)), "detection")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared case of a tiny patient with two corrected slices."""
    root = tmp_path_factory.mktemp("verdict")
    patient = write_patient(root / "patient")
    given = {
        name: {s: patient / f"{name}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        for name in ("baseline", "followup")
    }
    case = workflow.prepare(
        root / "case",
        **given,
        baseline_mask=patient / "baseline_brain_mask.nii.gz",
        followup_mask=patient / "followup_brain_mask.nii.gz",
        model=write_tiny_model(root / "model"),
        registration="none",
    )
    workflow.annotate(case, patient / "baseline_lesion_mask.nii.gz", slices=[0, 1])
    workflow.segment(case, weights="base", repetitions=0)
    workflow.tune(case, iterations=3)
    workflow.segment(case, repetitions=0)
    return Path(case.folder)


def test_a_tuned_version_is_judged_on_slices_that_its_tuning_did_not_see(folder: Path) -> None:
    verdict = review.judge(folder)
    assert verdict["slices"] == [0, 1]
    assert verdict["method"] == "leave one slice out"
    assert verdict["known"]
    assert read_verdict(Case.open(folder).version_folder("tuned", "0001")) == json.loads(json.dumps(verdict))


def test_judging_twice_says_the_same(folder: Path) -> None:
    first, second = review.judge(folder), review.judge(folder)
    assert (first["base"], first["tuned"]) == (second["base"], second["tuned"])


def test_one_corrected_slice_is_not_enough_to_know(folder: Path) -> None:
    case = Case.open(folder)
    labels = folder.parent / "patient" / "baseline_lesion_mask.nii.gz"
    workflow.annotate(case, labels, slices=[0])
    tuned = workflow.tune(case, iterations=3)
    verdict = review.judge(case, number=tuned.number)
    assert not verdict["known"]
    assert verdict["better"] is None
    assert "Too few lesions were corrected" in verdict["sentence"]
    case.set_current("tuned", "0001")


def test_keeping_the_base_cnn_is_recorded_and_shows_its_result(folder: Path) -> None:
    review.decide(folder, "base", by="Reader A", number="0001")
    case = Case.open(folder)
    decision = read_decision(case.version_folder("tuned", "0001"))
    assert decision is not None
    assert (decision["choice"], decision["by"]) == ("base", "Reader A")
    assert case.current["tuned"] is None
    assert workflow.result(case).run["tuned"] is None
    review.decide(folder, "tuned", by="Reader A", number="0001")
    case = Case.open(folder)
    assert case.current["tuned"] == "0001"
    assert workflow.result(case).run["tuned"] == "0001"


def test_a_decision_that_is_neither_base_nor_tuned_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="choose base or tuned"):
        review.decide(folder, "both")


def test_dates_give_the_change_per_year_and_wrong_ones_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="after the follow-up"):
        review.set_dates(folder, baseline="2021-01-01", followup="2020-01-01")
    with pytest.raises(InputError, match="is no date"):
        review.set_dates(folder, baseline="yesterday")
    review.set_dates(folder, baseline="2020-01-01", followup="2022-01-01")
    result = workflow.segment(folder, repetitions=0)
    assert result.run["dates"]["years"] == pytest.approx(2.0, abs=0.01)
    assert result.run["registration"]["good"] in (True, False)


def test_a_transform_given_by_hand_makes_another_result(folder: Path, tmp_path: Path) -> None:
    import SimpleITK as sitk

    before = workflow.segment(folder, repetitions=0)
    moved = tmp_path / "nudge.tfm"
    sitk.WriteTransform(sitk.TranslationTransform(3, (2.0, 0.0, 0.0)), str(moved))
    quality = review.set_registration(folder, moved)
    assert quality.shift_mm == pytest.approx(2.0)
    after = workflow.segment(folder, repetitions=0)
    assert after.number != before.number
    assert after.run["registration"]["shift_mm"] == pytest.approx(2.0)
    with pytest.raises(InputError, match="cannot be read"):
        review.set_registration(folder, tmp_path / "nothing.tfm")
