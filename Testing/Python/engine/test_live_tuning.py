"""Learning while slices are corrected: it makes no version, stays in the case, and serves the tuning that follows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from patients import write_image
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import live_tuning
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.layout import LIVE_JSON
from PatientSpecificTuningLib.engine.case.layout import live_folder
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.live_files import read_live

QUICK = {"iterations": 20, "learning_rate": 1e-2}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    patient, model = write_patient(tmp_path / "patient"), write_tiny_model(tmp_path / "model")
    return workflow.prepare(
        tmp_path / "case",
        baseline={name: patient / f"baseline_{name}.nii.gz" for name in ("FLAIR", "T1")},
        baseline_mask=patient / "baseline_brain_mask.nii.gz",
        model=model,
        registration="none",
        bias_correction=False,
    )


@pytest.fixture
def labels(case: Case) -> Path:
    return case.folder.parent / "patient" / "baseline_lesion_mask.nii.gz"


def _array(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_what_was_learned_changes_the_lesions_and_makes_no_version(case: Case, labels: Path) -> None:
    live = workflow.learn_so_far(case, labels, [0], **QUICK)
    assert live.has_learned
    assert Case.open(case.folder).versions("tuned") == []
    assert not case.annotation_folder.exists()
    sizes = sitk.ReadImage(str(live.lesions)).GetSize()
    assert sizes == case.record("baseline").user_grid.size


def test_it_says_which_slices_are_next_and_never_names_a_corrected_one(case: Case, labels: Path) -> None:
    live = workflow.learn_so_far(case, labels, [2, 0], **QUICK)
    assert live.slices == (0, 2)
    assert {proposal.slice for proposal in live.proposals} == {1, 3}
    assert live == read_live(live_folder(case.folder) / LIVE_JSON)


def test_slices_without_a_lesion_teach_nothing_and_are_no_mistake(case: Case, labels: Path) -> None:
    empty = write_image(labels.with_name("empty.nii.gz"), np.zeros_like(_array(labels)))
    live = workflow.learn_so_far(case, empty, [1], **QUICK)
    assert not live.has_learned
    base = workflow.propose(case, count="all")
    assert {p.slice: p.doubt_voxels for p in live.proposals} == {
        p.slice: p.doubt_voxels for p in base if p.slice != 1
    }


def test_the_papers_order_stays_that_of_the_base_cnn(case: Case, labels: Path) -> None:
    live = workflow.learn_so_far(case, labels, [0], **QUICK, criterion="paper", distance_mm=0)
    base = {p.slice: p.doubt_voxels for p in workflow.propose(case, count="all") if p.slice != 0}
    assert [p.slice for p in live.proposals] == list(base)
    # How much is in doubt is told of what was learned.
    assert all(p.doubt_voxels != base[p.slice] for p in live.proposals)


def test_a_later_tuning_on_the_same_slices_takes_the_weights_that_are_there(
    case: Case, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.annotate(case, labels, slices=[0, 1])
    learned = workflow.tune(case, **QUICK)
    workflow.learn_so_far(case, labels, [0, 1, 2], **QUICK)
    workflow.annotate(case, labels, slices=[0, 1, 2])
    with monkeypatch.context() as patched:
        patched.setattr("PatientSpecificTuningLib.engine.fine_tuning.learned_head", _refuse)
        kept = workflow.tune(case, **QUICK)
    assert kept.provenance["loss_history"] != learned.provenance["loss_history"]
    case.remove_version("tuned", kept.number)
    (live_folder(case.folder) / LIVE_JSON).unlink()
    anew = workflow.tune(case, **QUICK)
    assert anew.provenance["loss_history"] == kept.provenance["loss_history"]
    assert (anew.folder / "head.safetensors").read_bytes() == (
        kept.folder / "head.safetensors"
    ).read_bytes() or anew.number == kept.number


def _refuse(*_arguments: object) -> None:
    message = "tuned once more"
    raise AssertionError(message)


def test_weights_of_a_later_learning_are_not_taken_for_those_of_an_earlier_one(
    case: Case, labels: Path
) -> None:
    first = workflow.learn_so_far(case, labels, [0], **QUICK)
    list_of_first = (first.lesions.with_name(LIVE_JSON)).read_bytes()
    workflow.learn_so_far(case, labels, [0, 1], **QUICK)
    # As if the list had not been replaced any more.
    (first.lesions.with_name(LIVE_JSON)).write_bytes(list_of_first)
    workflow.annotate(case, labels, slices=[0])
    tuned = workflow.tune(case, **QUICK)
    (first.lesions.with_name(LIVE_JSON)).unlink()
    case.remove_version("tuned", tuned.number)
    assert workflow.tune(case, **QUICK).provenance["loss_history"] == tuned.provenance["loss_history"]


def test_cancelling_leaves_what_was_learned_before(case: Case, labels: Path) -> None:
    before = workflow.learn_so_far(case, labels, [0], **QUICK)

    def cancel(stage: str, fraction: float) -> None:
        if stage == "Fine-tuning" and fraction > 0.2:
            raise Cancelled(stage)

    with pytest.raises(Cancelled):
        workflow.learn_so_far(case, labels, [0, 1], **QUICK, progress=cancel)
    assert read_live(before.lesions.with_name(LIVE_JSON)) == before


@pytest.mark.parametrize("slices", [[], [9]])
def test_slices_that_are_not_there_are_one_sentence(case: Case, labels: Path, slices: list[int]) -> None:
    with pytest.raises(InputError, match="name slices in that range"):
        live_tuning.learn_so_far(case, labels, slices)


def test_a_damaged_list_is_one_sentence(case: Case, labels: Path) -> None:
    live = workflow.learn_so_far(case, labels, [0], **QUICK)
    path = live.lesions.with_name(LIVE_JSON)
    path.write_text('{"proposals": 3}', encoding="utf-8")
    with pytest.raises(InputError, match="missing or damaged"):
        read_live(path)
    workflow.annotate(case, labels, slices=[0])
    assert workflow.tune(case, **QUICK).number == "0001"


def test_lesions_of_another_learning_do_not_count(case: Case, labels: Path) -> None:
    live = workflow.learn_so_far(case, labels, [0], **QUICK)
    other = case.folder.parent / "patient" / "baseline_brain_mask.nii.gz"
    live.lesions.write_bytes(other.read_bytes())
    with pytest.raises(InputError, match="missing or damaged"):
        read_live(live.lesions.with_name(LIVE_JSON))
    assert workflow.learn_so_far(case, labels, [0], **QUICK).slices == (0,)


@pytest.mark.parametrize(
    ("name", "value"), [("slice", "0"), ("slice", -1), ("mean_softmax", None), ("doubt_voxels", [1])]
)
def test_a_proposal_of_other_values_is_one_sentence(
    case: Case, labels: Path, name: str, value: object
) -> None:
    path = workflow.learn_so_far(case, labels, [0], iterations=1).lesions.with_name(LIVE_JSON)
    values = json.loads(path.read_text(encoding="utf-8"))
    values["proposals"][0][name] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match="missing or damaged"):
        read_live(path)
