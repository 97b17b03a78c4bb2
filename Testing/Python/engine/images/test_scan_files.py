"""Recognising examinations, sequences and masks by the names that people and tools give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from patients import write_image
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.scan_files import find_examinations
from PatientSpecificTuningLib.engine.images.scan_files import single_roles


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def test_names_with_baseline_and_followup_share_a_brain_mask(tmp_path: Path) -> None:
    names = ["baseline_FLAIR.nii.gz", "baseline_T1.nii.gz", "followup_FLAIR.nii.gz", "followup_T1.nii.gz"]
    found = find_examinations(_touch(tmp_path, *names, "brain_mask.nii.gz", "change_mask.nii.gz"))
    assert found.followup is not None
    assert set(found.baseline.sequences) == {"FLAIR", "T1"}
    assert found.followup.sequences["T1"] == [tmp_path / "followup_T1.nii.gz"]
    assert found.baseline.organ_mask == found.followup.organ_mask == tmp_path / "brain_mask.nii.gz"
    assert found.change_mask == tmp_path / "change_mask.nii.gz"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Baseline-FLAIR.NII.GZ", "Follow-Up FLAIR.nii"),
        ("base/t2_flair.nrrd", "followUp/T2-FLAIR.nrrd"),
        ("timepoint1/FLAIR.mha", "timepoint2/FLAIR.mha"),
        ("sub-1_ses-01_FLAIR.nii.gz", "sub-1_ses-02_FLAIR.nii.gz"),
        ("visit_3/flair.nii.gz", "visit_10/flair.nii.gz"),
        ("T1/P1_T1_FLAIR.nii.gz", "T2/P1_T2_FLAIR.nii.gz"),
        ("study1_FLAIR.nii.gz", "study2_FLAIR.nii.gz"),
    ],
)
def test_visits_are_told_apart_in_many_spellings(tmp_path: Path, first: str, second: str) -> None:
    found = find_examinations(_touch(tmp_path, second, first))
    assert found.followup is not None
    assert found.baseline.sequences == {"FLAIR": [tmp_path / first]}
    assert found.followup.sequences == {"FLAIR": [tmp_path / second]}


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("T1w.nii.gz", "T1"),
        ("MPRAGE.nii.gz", "T1"),
        ("T2_FLAIR.nii.gz", "FLAIR"),
        ("t2.nii.gz", "T2"),
        ("T1/T1.nii.gz", "T1"),
        ("scan_t1ce.nii.gz", "T1C"),
    ],
)
def test_sequences_are_told_apart(tmp_path: Path, name: str, role: str) -> None:
    found = find_examinations(_touch(tmp_path, name))
    assert list(found.baseline.sequences) == [role]
    assert found.followup is None


def test_masks_are_told_apart_from_each_other(tmp_path: Path) -> None:
    names = ["FLAIR.nii.gz", "brainMask.nii.gz", "WMH.nii.gz", "change_mask.nii.gz", "change_sign.nii.gz"]
    found = find_examinations(_touch(tmp_path, *names))
    assert found.baseline.organ_mask == tmp_path / "brainMask.nii.gz"
    assert found.baseline.lesions == tmp_path / "WMH.nii.gz"
    assert found.change_mask == tmp_path / "change_mask.nii.gz"


def test_a_liver_patient_is_recognised_with_phases_and_b_values_in_numeric_order(tmp_path: Path) -> None:
    names = [
        f"{visit}_{name}"
        for visit in ("baseline", "followup")
        for name in ("DCE.nii.gz", "DWI_b1000.nii.gz", "DWI_b10.nii.gz", "DWI_b150.nii.gz")
    ]
    masks = ["baseline_liver_mask.nii.gz", "followup_liver_mask.nii.gz", "baseline_metastases.nii.gz"]
    found = find_examinations(_touch(tmp_path, *names, *masks, "followup_ADC_DWI.nii.gz"))
    assert found.followup is not None
    assert set(found.baseline.sequences) == {"DCE", "DWI"}
    assert [p.name for p in found.followup.sequences["DWI"]] == [
        f"followup_DWI_b{b}.nii.gz" for b in (10, 150, 1000)
    ]
    assert found.followup.organ_mask == tmp_path / "followup_liver_mask.nii.gz"
    assert found.baseline.lesions == tmp_path / "baseline_metastases.nii.gz"
    assert found.followup.lesions is None
    assert any("DWI is followup_DWI_b10.nii.gz, " in note for note in found.notes)


@pytest.mark.parametrize("stem", ["phase_{}", "DCE_phase{}", "dyn{}_DCE", "baseline_Phase {}", "DCE_{}"])
def test_phases_in_files_of_their_own_are_one_series(tmp_path: Path, stem: str) -> None:
    names = [f"{stem.format(number)}.nii.gz" for number in range(1, 13)]
    found = find_examinations(_touch(tmp_path, *names))
    assert [path.name for path in found.baseline.sequences["DCE"]] == names
    assert any("(12 files)" in note for note in found.notes)


def test_a_file_that_holds_all_phases_wins_over_single_ones(tmp_path: Path) -> None:
    found = find_examinations(_touch(tmp_path, "DCE.nii.gz", "DCE_phase_1.nii.gz", "DCE_phase_2.nii.gz"))
    assert found.baseline.sequences["DCE"] == [tmp_path / "DCE.nii.gz"]


def test_a_phase_that_is_there_twice_is_an_error_that_names_both(tmp_path: Path) -> None:
    _touch(tmp_path, "a/DWI_b10.nii.gz", "b/DWI_b10.nii.gz", "a/DWI_b150.nii.gz")
    with pytest.raises(InputError, match=r"a.DWI_b10.*b.DWI_b10.*could both be the DWI 10"):
        find_examinations(tmp_path)


def test_a_map_of_the_transmit_field_is_no_diffusion(tmp_path: Path) -> None:
    found = find_examinations(_touch(tmp_path, "FLAIR.nii.gz", "B1.nii.gz", "b50.nii.gz"))
    assert found.baseline.sequences["DWI"] == [tmp_path / "b50.nii.gz"]


def test_a_plainer_name_wins_over_a_variant(tmp_path: Path) -> None:
    found = find_examinations(_touch(tmp_path, "FLAIR.nii.gz", "FLAIR_biascorrected.nii.gz"))
    assert found.baseline.sequences["FLAIR"] == [tmp_path / "FLAIR.nii.gz"]


@pytest.mark.parametrize(("filled", "role"), [(0.01, "lesions"), (0.5, "organ_mask")])
def test_a_file_called_just_mask_is_told_by_how_much_it_fills(
    tmp_path: Path, filled: float, role: str
) -> None:
    mask = np.zeros((10, 10, 10), dtype=np.uint8)
    mask.ravel()[: int(filled * mask.size)] = 1
    write_image(tmp_path / "mask.nii.gz", mask)
    found = find_examinations(_touch(tmp_path, "FLAIR.nii.gz"))
    assert getattr(found.baseline, role) == tmp_path / "mask.nii.gz"


def test_two_files_for_one_role_are_an_error_that_names_both(tmp_path: Path) -> None:
    _touch(tmp_path, "axial/FLAIR.nii.gz", "iso/FLAIR.nii.gz")
    with pytest.raises(InputError, match=r"axial.*iso.*could both be the FLAIR"):
        find_examinations(tmp_path)


def test_of_one_scan_in_several_resolutions_the_coarsest_is_used_and_it_is_said(tmp_path: Path) -> None:
    for folder, slices in (("axial3mm", 4), ("iso1mm", 12)):
        for name in ("FLAIR", "T1", "brain_mask"):
            array = np.arange(slices * 9).reshape(slices, 3, 3)
            write_image(tmp_path / "timepoint1" / folder / f"{name}.nii.gz", array.astype(np.float32))
    found = find_examinations(tmp_path)
    used = [
        found.baseline.sequences["FLAIR"][0],
        found.baseline.sequences["T1"][0],
        found.baseline.organ_mask,
    ]
    assert {path.parent.name for path in used} == {"axial3mm"}
    assert sum("several resolutions" in note for note in found.notes) == 1


def test_matching_a_text_settles_which_file_is_meant(tmp_path: Path) -> None:
    _touch(tmp_path, "axial/FLAIR.nii.gz", "iso/FLAIR.nii.gz")
    assert find_examinations(tmp_path, match="iso").baseline.sequences == {
        "FLAIR": [tmp_path / "iso/FLAIR.nii.gz"]
    }


def test_of_three_visits_the_first_two_are_used_and_it_is_said(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"timepoint{i}/FLAIR.nii.gz" for i in (1, 2, 3)))
    found = find_examinations(tmp_path)
    assert found.followup is not None
    assert found.followup.sequences["FLAIR"] == [tmp_path / "timepoint2/FLAIR.nii.gz"]
    assert any("first two" in note for note in found.notes)


@pytest.mark.parametrize("names", [(), ("notes.txt",), ("brain_mask.nii.gz",), ("unknown.nii.gz",)])
def test_a_folder_without_a_sequence_is_one_clear_sentence(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"holds no images|No MR sequence"):
        find_examinations(_touch(tmp_path, *names))


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_examinations(tmp_path / "gone")


def test_files_given_one_by_one_tell_their_sequence_by_name() -> None:
    assert single_roles([Path("a/x_T1.nii"), Path("x_flair.nii.gz")]) == {
        "T1": [Path("a/x_T1.nii")],
        "FLAIR": [Path("x_flair.nii.gz")],
    }


def test_phases_and_b_values_given_one_by_one_are_recognised() -> None:
    given = [Path("phase_03.nii"), Path("x_b150.nii.gz"), Path("phase_01.nii")]
    assert single_roles(given) == {"DCE": [given[0], given[2]], "DWI": [given[1]]}


def test_a_file_whose_name_tells_no_sequence_asks_for_it() -> None:
    with pytest.raises(InputError, match="SEQUENCE=PATH"):
        single_roles([Path("image.nii.gz")])
