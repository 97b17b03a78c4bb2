"""Several volumes of one sequence on their way into a case, and what is refused before any work starts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from builders import detection_card
from builders import tiny_card
from patients import B_VALUES
from patients import write_image
from patients import write_liver_patient
from patients import write_patient
from PatientSpecificTuningLib.engine.case.preparation import ExaminationInput
from PatientSpecificTuningLib.engine.case.preparation import PreparationOptions
from PatientSpecificTuningLib.engine.case.preparation import examination_inputs
from PatientSpecificTuningLib.engine.case.preparation import given_files
from PatientSpecificTuningLib.engine.case.preparation import preprocess_input
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images import motion_correction
from PatientSpecificTuningLib.engine.images import preprocessing
from PatientSpecificTuningLib.engine.images.preprocessing import Preprocessed
from PatientSpecificTuningLib.engine.model.card import ModelCard

CARD = detection_card(registration="none")


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    return write_liver_patient(tmp_path / "patient")


def _files(patient: Path, name: str = "baseline") -> dict[str, list[Path]]:
    b_values = [patient / f"{name}_DWI_b{b}.nii.gz" for b in B_VALUES]
    return {"DCE": [patient / f"{name}_DCE.nii.gz"], "DWI": b_values}


def _inputs(
    patient: Path,
    sequences: Mapping[str, list[Path]] | None = None,
    *,
    mask: bool = True,
    card: ModelCard = CARD,
    channels: dict[str, tuple[int, ...]] | None = None,
    **options: Any,
) -> ExaminationInput:
    organ = patient / "baseline_liver_mask.nii.gz" if mask else None
    files = given_files(_files(patient) if sequences is None else sequences, organ, channels)
    return examination_inputs({"baseline": files}, card, PreparationOptions(**options))[0]


def _prepared(patient: Path, *arguments: Any, card: ModelCard = CARD, **options: Any) -> Preprocessed:
    return preprocess_input(_inputs(patient, *arguments, card=card, **options), card)


def _phase_files(patient: Path) -> list[Path]:
    series = sitk.ReadImage(str(patient / "baseline_DCE.nii.gz"))
    phases = sitk.GetArrayFromImage(series)
    spacing = series.GetSpacing()[:3]
    return [
        write_image(patient / "phases" / f"phase_{number}.nii.gz", phase, spacing)
        for number, phase in enumerate(phases, start=1)
    ]


def test_every_volume_becomes_a_channel_in_the_order_of_the_card(patient: Path) -> None:
    result = _prepared(patient)
    assert result.images.shape[0] == CARD.channels == 7
    enhancement = result.images[:4, result.organ_mask].mean(axis=1)
    assert np.argmax(enhancement) == 2
    decay = result.images[4:, result.organ_mask].mean(axis=1)
    assert decay[0] > decay[1] > decay[2]


def test_files_in_any_order_give_what_one_4d_file_gives(patient: Path) -> None:
    whole = _prepared(patient)
    files = {"DCE": _phase_files(patient)[::-1], "DWI": _files(patient)["DWI"][::-1]}
    assert np.array_equal(_prepared(patient, files).images, whole.images)
    assert _inputs(patient, files).sequences["DWI"] == _inputs(patient).sequences["DWI"]


def test_phases_keep_their_enhancement_curve_on_the_shared_scale(patient: Path) -> None:
    given = sitk.GetArrayFromImage(sitk.ReadImage(str(patient / "baseline_DCE.nii.gz")))
    result = _prepared(
        patient, card=replace(CARD, normalization=replace(CARD.normalization, clip_percentiles=(0, 100)))
    )
    before = given[1:, result.organ_mask] - given[0, result.organ_mask]
    after = result.images[1:4, result.organ_mask] - result.images[0, result.organ_mask]
    assert np.allclose(after * np.std(before) / np.std(after), before, rtol=1e-3, atol=0.1)


def test_missing_phases_are_refused_and_a_mapping_says_which_volume_serves(patient: Path) -> None:
    files = {**_files(patient), "DCE": _phase_files(patient)[:3]}
    with pytest.raises(InputError, match=r"3 volume\(s\).*needs DCE \(4 volumes\).*--baseline-channels DCE="):
        _inputs(patient, files)
    mapped = _prepared(patient, files, channels={"DCE": (1, 2, 3, 3)})
    assert np.array_equal(mapped.images[2], mapped.images[3])
    assert any("served by the volumes 1, 2, 3, 3" in note for note in mapped.notes)


def test_a_missing_b_value_is_refused_with_the_files_that_are_there(patient: Path) -> None:
    files = {**_files(patient), "DWI": _files(patient)["DWI"][:2]}
    with pytest.raises(InputError, match=r"baseline_DWI_b10.nii.gz, .*_b150.nii.gz.*b10, b150, b1000"):
        _inputs(patient, files)


def test_a_mapping_of_a_sequence_that_the_model_does_not_have_is_refused(patient: Path) -> None:
    with pytest.raises(InputError, match=r"^The channels of T2 are mapped .* has DCE, DWI"):
        _inputs(patient, channels={"T2": (1,)})


def test_a_liver_without_a_mask_is_refused_before_anything_is_read(patient: Path) -> None:
    with pytest.raises(InputError, match=r"^The baseline has no liver mask; give one"):
        _inputs(patient, mask=False)


def test_phases_of_different_sizes_are_refused(patient: Path) -> None:
    phases = _phase_files(patient)
    image = sitk.ReadImage(str(phases[2]))
    sitk.WriteImage(image[:-4, :, :], str(phases[2]))
    with pytest.raises(
        InputError, match=r"^Volume 3 of the baseline DCE \(40 x 48 x 4\) lies on another grid"
    ):
        _prepared(patient, {**_files(patient), "DCE": phases})


def test_phases_at_different_places_are_refused(patient: Path) -> None:
    phases = _phase_files(patient)
    image = sitk.ReadImage(str(phases[1]))
    image.SetOrigin((0.0, 0.0, 3.0))
    sitk.WriteImage(image, str(phases[1]))
    with pytest.raises(InputError, match=r"^Volume 2 of the baseline DCE"):
        _prepared(patient, {**_files(patient), "DCE": phases})


def test_an_unreadable_b_value_is_named(patient: Path) -> None:
    (patient / "baseline_DWI_b150.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^The baseline DWI .*b150.nii.gz cannot be read"):
        _inputs(patient)


def test_the_other_sequence_is_aligned_by_the_key_channels(
    patient: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def noted(moving: sitk.Image, fixed: sitk.Image, **_: object) -> sitk.Transform:
        compared.append((sitk.GetArrayFromImage(moving), sitk.GetArrayFromImage(fixed)))
        return sitk.Transform(3, sitk.sitkIdentity)

    monkeypatch.setattr(preprocessing, "align", noted)
    _prepared(patient)
    ((moving, fixed),) = compared
    phases = sitk.GetArrayFromImage(sitk.ReadImage(str(patient / "baseline_DCE.nii.gz")))
    b10 = sitk.GetArrayFromImage(sitk.ReadImage(str(patient / "baseline_DWI_b10.nii.gz")))
    assert np.array_equal(fixed, phases[2])
    assert np.array_equal(moving, b10)


@pytest.mark.parametrize(
    ("option", "used"), [(None, "bspline"), ("rigid", "rigid"), ("bspline", "bspline"), ("none", "none")]
)
def test_the_card_says_how_sequences_are_registered_unless_the_option_does(
    patient: Path, option: str | None, used: str
) -> None:
    source = _inputs(patient, card=detection_card(registration="bspline"), registration=option)
    assert source.settings["registration"] == used


def test_motion_correction_by_card_or_option_becomes_part_of_the_settings(
    patient: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "PatientSpecificTuningLib.engine.case.preparation.require_elastix", lambda sequence: None
    )
    first, second = CARD.pathways
    card = replace(CARD, pathways=(replace(first, motion_correction="groupwise"), second))
    assert "motion_corrected" not in _inputs(patient).settings
    assert _inputs(patient, card=card).settings["motion_corrected"] == ["DCE"]
    assert "motion_corrected" not in _inputs(patient, card=card, motion_correction="none").settings
    assert _inputs(patient, motion_correction="groupwise").settings["motion_corrected"] == ["DCE"]


def test_the_corrected_series_is_what_is_normalised_and_it_is_said(
    patient: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def still(
        volumes: list[sitk.Image], mask: sitk.Image, *, key: int, name: str
    ) -> tuple[list[sitk.Image], float]:
        assert (key, name) == (2, "baseline DCE")
        return [volumes[key]] * len(volumes), 7.25

    monkeypatch.setattr(preprocessing, "correct_motion", still)
    monkeypatch.setattr(
        "PatientSpecificTuningLib.engine.case.preparation.require_elastix", lambda sequence: None
    )
    first, second = CARD.pathways
    card = replace(CARD, pathways=(replace(first, motion_correction="groupwise"), second))
    result = _prepared(patient, card=card)
    assert np.array_equal(result.images[0], result.images[3])
    assert any("one had moved by 7.2 mm" in note for note in result.notes)


def test_without_itk_elastix_nothing_is_read(patient: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion_correction, "PACKAGE", "itk-elastix-that-nobody-has")
    shutil.rmtree(patient)
    with pytest.raises(InputError, match="--motion-correction none"):
        _inputs(patient, motion_correction="groupwise")


def test_cases_of_single_volumes_keep_the_settings_of_earlier_versions(tmp_path: Path) -> None:
    patient = write_patient(tmp_path)
    files = {s: [patient / f"baseline_{s}.nii.gz"] for s in ("FLAIR", "T1")}
    source = _inputs(patient, files, mask=False, card=tiny_card())
    assert source.settings == {
        "registration": "rigid",
        "bias_correction": None,
        "missing_sequence": "error",
        "sequences_used": ["FLAIR", "T1"],
    }
