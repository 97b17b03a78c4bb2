"""Several volumes of one sequence find their channels, by order, by name or by the user's mapping."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import detection_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.channels import b_value
from PatientSpecificTuningLib.engine.images.channels import channel_note
from PatientSpecificTuningLib.engine.images.channels import in_series_order
from PatientSpecificTuningLib.engine.images.channels import phase_number
from PatientSpecificTuningLib.engine.images.channels import volumes_for_channels

DCE, DWI = detection_card().pathways


def _paths(*names: str) -> list[Path]:
    return [Path("folder b7 phase 9", name) for name in names]


def _chosen(names: list[str], wanted: tuple[int, ...] | None = None) -> tuple[int, ...]:
    paths = in_series_order(_paths(*names))
    return volumes_for_channels("followup", "tiny", DWI, paths, [1] * len(paths), wanted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DWI_b150.nii.gz", 150),
        ("dwi-b=1000.nrrd", 1000),
        ("B10.nii", 10),
        ("followup_DWI_bval0", 0),
        ("b_50_DWI.mha", 50),
        ("sub10_DWI.nii", None),
        ("DWI_b10x.nii", None),
    ],
)
def test_b_values_are_read_from_names(name: str, value: int | None) -> None:
    assert b_value(name) == value


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("phase_03.nii.gz", 3),
        ("DCE_12.nii", 12),
        ("followup_dyn7.nrrd", 7),
        ("Phase 4.mha", 4),
        ("DCE.nii", None),
    ],
)
def test_phases_are_read_from_names(name: str, number: int | None) -> None:
    assert phase_number(name) == number


def test_files_are_ordered_by_number_and_not_by_letter() -> None:
    lexical = _paths("DWI_b10.nii", "DWI_b1000.nii", "DWI_b150.nii")
    assert [b_value(path.name) for path in in_series_order(lexical)] == [10, 150, 1000]
    phases = _paths("phase_1.nii", "phase_10.nii", "phase_2.nii")
    assert [phase_number(path.name) for path in in_series_order(phases)] == [1, 2, 10]


def test_files_of_which_one_tells_no_number_stay_as_given() -> None:
    given = _paths("phase_2.nii", "late.nii", "phase_1.nii")
    assert in_series_order(given) == given


def test_one_volume_for_each_channel_needs_no_mapping() -> None:
    assert volumes_for_channels("baseline", "tiny", DCE, _paths("DCE.nii"), [4]) == (1, 2, 3, 4)


def test_b_values_go_to_the_channels_of_the_card_whatever_else_is_given() -> None:
    assert _chosen(["b1000.nii", "b10.nii", "b150.nii"]) == (1, 2, 3)
    assert _chosen(["b0.nii", "b10.nii", "b150.nii", "b400.nii", "b1000.nii"]) == (2, 3, 5)


def test_other_b_values_serve_in_their_order_and_it_is_said() -> None:
    names = ["b800.nii", "b0.nii", "b50.nii"]
    chosen = _chosen(names)
    assert chosen == (1, 2, 3)
    note = channel_note("followup", DWI, in_series_order(_paths(*names)), chosen)
    assert note is not None
    assert "0, 50, 800" in note
    assert "b10, b150, b1000" in note


def test_volumes_that_fit_need_no_note() -> None:
    assert channel_note("followup", DWI, _paths("b10.nii", "b150.nii", "b1000.nii"), (1, 2, 3)) is None
    assert channel_note("followup", DCE, _paths("DCE.nii"), (1, 2, 3, 4)) is None


def test_a_mapping_replaces_what_was_not_acquired_and_it_is_said() -> None:
    chosen = volumes_for_channels("followup", "tiny", DCE, _paths("DCE.nii"), [3], (1, 1, 2, 3))
    assert chosen == (1, 1, 2, 3)
    assert "1, 1, 2, 3" in str(channel_note("followup", DCE, _paths("DCE.nii"), chosen))


def test_a_mapping_wins_over_the_names() -> None:
    assert _chosen(["b10.nii", "b150.nii", "b1000.nii"], (3, 2, 1)) == (3, 2, 1)


@pytest.mark.parametrize("given", [1, 2, 5])
def test_volumes_that_do_not_fit_are_one_sentence_that_names_the_option_and_a_usable_example(
    given: int,
) -> None:
    with pytest.raises(InputError) as caught:
        volumes_for_channels("followup", "tiny", DCE, _paths("DCE.nii"), [given])
    message = str(caught.value)
    assert message.startswith(
        f"The followup DCE has {given} volume(s) but the model tiny needs DCE (4 volumes)"
    )
    example = message.rstrip(".").rpartition("--followup-channels DCE=")[2]
    mapping = tuple(int(number) for number in example.split(","))
    assert volumes_for_channels("followup", "tiny", DCE, _paths("DCE.nii"), [given], mapping) == mapping


def test_a_missing_b_value_is_told_with_the_files_that_are_there() -> None:
    with pytest.raises(InputError, match=r"2 volume\(s\) \(b10.nii, b1000.nii\).*b10, b150, b1000"):
        _chosen(["b1000.nii", "b10.nii"])


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [((1, 2), r"names 2 volume\(s\)"), ((1, 2, 4), "volume 4 of 3"), ((0, 1, 2), "0 of")],
)
def test_a_mapping_that_does_not_fit_is_one_sentence(wanted: tuple[int, ...], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        _chosen(["b10.nii", "b150.nii", "b1000.nii"], wanted)
