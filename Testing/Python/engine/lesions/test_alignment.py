"""How two examinations lie to each other is one thing: a transform, who gave it, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import SimpleITK as sitk
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.lesions import alignment
from PatientSpecificTuningLib.engine.lesions.alignment import QUALITY
from PatientSpecificTuningLib.engine.lesions.alignment import TRANSFORM
from PatientSpecificTuningLib.engine.lesions.alignment import alignment_of
from PatientSpecificTuningLib.engine.lesions.alignment import given_transform


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A case of two examinations, between which nothing is found to have moved."""
    monkeypatch.setattr(alignment, "align", lambda *_, **__: sitk.Euler3DTransform())
    patient, model = write_patient(tmp_path / "patient"), write_tiny_model(tmp_path / "model")
    files = {n: {s: patient / f"{n}_{s}.nii.gz" for s in ("FLAIR", "T1")} for n in ("baseline", "followup")}
    masks = {f"{name}_mask": patient / f"{name}_brain_mask.nii.gz" for name in files}
    return workflow.prepare(
        tmp_path / "case", **files, **masks, model=model, registration="none", with_change=False
    )


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    path = tmp_path / "moved.tfm"
    sitk.WriteTransform(sitk.TranslationTransform(3, (2.0, 0.0, 0.0)), str(path))
    return path


def test_what_is_found_or_given_is_known_the_next_time(case: Case, moved: Path) -> None:
    found = alignment_of(case)
    assert (found.quality.shift_mm, found.given) == (0.0, None)
    review.set_registration(case, moved)
    given = alignment_of(Case.open(case.folder))
    assert given.quality.shift_mm == pytest.approx(2.0)
    assert given.given == given_transform(case) is not None
    review.set_registration(case, None)
    assert (alignment_of(case).quality.shift_mm, given_transform(case)) == (0.0, None)


def test_nothing_is_said_of_another_transform_where_giving_one_was_interrupted(
    case: Case, moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alignment_of(case)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(alignment, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            review.set_registration(case, moved)
    kept = alignment_of(Case.open(case.folder))
    assert kept.transform.TransformPoint((0.0, 0.0, 0.0)) == (2.0, 0.0, 0.0)
    assert kept.quality.shift_mm == pytest.approx(2.0)
    assert kept.given is not None


def test_a_transform_that_is_given_while_one_is_searched_for_counts(
    case: Case, moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: object, **__: object) -> sitk.Transform:
        review.set_registration(Case.open(case.folder), moved)
        return sitk.Euler3DTransform()

    monkeypatch.setattr(alignment, "align", meanwhile)
    result = workflow.segment(case, repetitions=0)
    assert given_transform(case) is not None
    assert result.run["given_transform"] == given_transform(case)
    assert result.run["registration"]["shift_mm"] == pytest.approx(2.0)
    assert workflow.segment(case, repetitions=0).number == result.number


def test_who_gave_it_is_also_read_as_earlier_versions_wrote_it(case: Case, moved: Path) -> None:
    review.set_registration(case, moved)
    given = given_transform(case)
    (case.folder / TRANSFORM).write_bytes(moved.read_bytes())
    assert json.loads((case.folder / QUALITY).read_text(encoding="utf-8"))["given"] == given
    assert alignment_of(case).given == given


@pytest.mark.parametrize("shift", [(35.0, 0.0, 0.0), (300.0, 0.0, 0.0), (0.0, 0.0, 256.0)])
def test_a_transform_that_brings_everything_elsewhere_is_one_sentence(
    case: Case, tmp_path: Path, shift: tuple[float, float, float]
) -> None:
    before = alignment_of(case)
    sitk.WriteTransform(sitk.TranslationTransform(3, shift), str(tmp_path / "far.tfm"))
    with pytest.raises(InputError, match="do not meet"):
        review.set_registration(case, tmp_path / "far.tfm")
    assert alignment_of(case).quality == before.quality


@pytest.mark.parametrize("name", [TRANSFORM, QUALITY])
def test_what_is_damaged_is_made_anew(case: Case, name: str) -> None:
    before = alignment_of(case)
    (case.folder / name).write_bytes(b"#Given nobody\x00")
    after = alignment_of(Case.open(case.folder))
    assert (after.quality, after.given) == (before.quality, None)
