"""Volumes are read in the shapes in which other tools store them, and refused in one sentence otherwise."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_series import write_stack
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.nifti_file import nifti_problem
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_sequence
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.images.volumes import write_volume

RAMP = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_a_volume_keeps_values_and_geometry_in_every_format(tmp_path: Path, suffix: str) -> None:
    image = sitk.GetImageFromArray(RAMP)
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((-10, 20, 30))
    sitk.WriteImage(image, str(tmp_path / f"volume{suffix}"))
    read = read_volume(tmp_path / f"volume{suffix}", "FLAIR")
    assert np.array_equal(sitk.GetArrayFromImage(read), RAMP)
    assert read.GetSpacing() == pytest.approx((0.5, 0.75, 3.0))
    assert read.GetOrigin() == pytest.approx((-10, 20, 30))


def test_integers_of_any_width_become_float32(tmp_path: Path) -> None:
    for kind in (np.uint8, np.int16, np.uint16, np.int32, np.float64):
        sitk.WriteImage(sitk.GetImageFromArray(RAMP.astype(kind)), str(tmp_path / "volume.nrrd"))
        assert read_volume(tmp_path / "volume.nrrd", "T1").GetPixelID() == sitk.sitkFloat32


def test_scaled_integers_get_their_real_values(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(RAMP.T.astype(np.int16), np.eye(4))
    image.header.set_slope_inter(2.0, -5.0)
    nibabel.save(image, tmp_path / "scaled.nii.gz")
    stored = nibabel.load(tmp_path / "scaled.nii.gz").get_fdata().T
    assert np.allclose(sitk.GetArrayFromImage(read_volume(tmp_path / "scaled.nii.gz", "T1")), stored)


def test_a_4d_file_is_a_sequence_of_channels_in_order(tmp_path: Path) -> None:
    four = sitk.JoinSeries([sitk.GetImageFromArray(RAMP + t) for t in range(3)])
    sitk.WriteImage(four, str(tmp_path / "phases.nii.gz"))
    channels = read_sequence([tmp_path / "phases.nii.gz"], "DCE-MRI")
    assert [float(sitk.GetArrayFromImage(c).min()) for c in channels] == [0, 1, 2]


def test_vector_pixels_are_channels_too(tmp_path: Path) -> None:
    vector = sitk.Compose([sitk.GetImageFromArray(RAMP), sitk.GetImageFromArray(RAMP * 2)])
    sitk.WriteImage(vector, str(tmp_path / "vector.nrrd"))
    assert len(read_sequence([tmp_path / "vector.nrrd"], "DCE-MRI")) == 2


def test_several_volumes_where_one_is_expected_are_refused(tmp_path: Path) -> None:
    four = sitk.JoinSeries([sitk.GetImageFromArray(RAMP)] * 2)
    sitk.WriteImage(four, str(tmp_path / "phases.nii.gz"))
    with pytest.raises(InputError, match=r"FLAIR.*2 volumes where one is expected"):
        read_volume(tmp_path / "phases.nii.gz", "FLAIR")


def test_a_dicom_folder_with_one_series_is_a_volume(tmp_path: Path) -> None:
    _write_dicom(tmp_path / "series", "1.2.3")
    volume = read_volume(tmp_path / "series", "FLAIR")
    assert np.array_equal(sitk.GetArrayFromImage(volume), RAMP)


def test_a_dicom_series_of_several_phases_is_as_many_volumes_in_the_order_of_acquisition(
    tmp_path: Path,
) -> None:
    for phase in (2, 0, 1):
        _write_dicom(tmp_path / "series", "1.2.3", phase=phase)
    volumes = read_sequence([tmp_path / "series"], "DCE")
    assert [volume.GetSize() for volume in volumes] == [RAMP.shape[::-1]] * 3
    assert {volume.GetSpacing() for volume in volumes} == {(1.0, 1.0, 2.0)}
    for phase, volume in enumerate(volumes):
        assert np.array_equal(sitk.GetArrayFromImage(volume), RAMP + 100 * phase)
    assert count_volumes(tmp_path / "series", "DCE") == 3


def test_a_dicom_series_with_an_incomplete_phase_is_refused(tmp_path: Path) -> None:
    for phase in (0, 1):
        _write_dicom(tmp_path / "series", "1.2.3", phase=phase)
    (tmp_path / "series" / f"{len(RAMP):03d}.dcm").unlink()
    with pytest.raises(
        InputError, match="DCE has 1 to 2 images at each slice, so its volumes are not complete"
    ):
        count_volumes(tmp_path / "series", "DCE")


def test_volumes_are_counted_without_reading_them(tmp_path: Path) -> None:
    volume = sitk.GetImageFromArray(RAMP)
    sitk.WriteImage(volume, str(tmp_path / "one.nrrd"))
    sitk.WriteImage(sitk.JoinSeries([volume] * 5), str(tmp_path / "series.nii.gz"))
    sitk.WriteImage(sitk.Compose([volume] * 3), str(tmp_path / "vector.mha"))
    names = ("one.nrrd", "series.nii.gz", "vector.mha")
    assert [count_volumes(tmp_path / name, "DCE") for name in names] == [1, 5, 3]
    with pytest.raises(InputError, match="does not exist"):
        count_volumes(tmp_path / "gone.nii", "DCE")


def test_a_dicom_folder_with_two_series_is_refused(tmp_path: Path) -> None:
    _write_dicom(tmp_path / "series", "1.2.3")
    _write_dicom(tmp_path / "series", "1.2.4", first=10)
    with pytest.raises(InputError, match="2 DICOM series where one is expected"):
        read_volume(tmp_path / "series", "FLAIR")


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((3, 4, 5), np.float32), "is empty, every voxel is 0"),
        (np.full((3, 4, 5), 7, np.int16), "is empty, every voxel is 7"),
        (RAMP[:1], "is not a 3D volume, its size is 5 x 4 x 1"),
        (RAMP[0], "is not a 3D volume, its size is 5 x 4"),
        (np.where(RAMP == 7, np.nan, RAMP), "has NaN or infinite values"),
        (np.where(RAMP == 7, np.inf, RAMP), "has NaN or infinite values"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_unusable_values_are_one_sentence_that_names_the_volume(
    tmp_path: Path, array: np.ndarray, problem: str, suffix: str
) -> None:
    path = tmp_path / f"volume{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    with pytest.raises(InputError, match=f"^The baseline FLAIR.*{problem}"):
        read_volume(path, "baseline FLAIR")


@pytest.mark.parametrize("content", [b"", b"not an image", bytes(400)])
def test_an_unreadable_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.nii\.gz cannot be read as an image"):
        read_volume(tmp_path / "broken.nii.gz", "FLAIR")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; check the path"):
        read_volume(tmp_path / "nothing.nii.gz", "FLAIR")


def test_a_sequence_without_any_file_is_one_sentence() -> None:
    with pytest.raises(InputError, match="No file is given for the DWI"):
        read_sequence([], "DWI")


def test_labels_of_any_number_count_and_averaged_masks_count_from_half(tmp_path: Path) -> None:
    numbers = np.zeros((2, 2, 2), dtype=np.int16)
    numbers[0, 0] = (1, 12)
    averaged = np.zeros((2, 2, 2), dtype=np.float32)
    averaged[0, 0] = (0.49, 0.5)
    for name, array in (("numbers", numbers), ("averaged", averaged)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"{name}.nii.gz"))
    assert sitk.GetArrayFromImage(read_labelmap(tmp_path / "numbers.nii.gz", "mask")).sum() == 2
    assert sitk.GetArrayFromImage(read_labelmap(tmp_path / "averaged.nii.gz", "mask")).sum() == 1


def test_overlapping_segments_of_a_segmentation_are_united(tmp_path: Path) -> None:
    first, second = np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)
    first[0, 0], second[0, :, 0] = 1, 1
    layers = sitk.Compose([sitk.GetImageFromArray(first), sitk.GetImageFromArray(second)])
    sitk.WriteImage(layers, str(tmp_path / "lesions.seg.nrrd"))
    united = sitk.GetArrayFromImage(read_labelmap(tmp_path / "lesions.seg.nrrd", "mask"))
    assert np.array_equal(united, first | second)


def test_writing_into_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError):
        write_volume(sitk.GetImageFromArray(RAMP), tmp_path / "file" / "volume.nii.gz")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_nan_in_a_nifti_file_is_seen_in_either_byte_order(tmp_path: Path, order: str, kind: str) -> None:
    data = np.array(RAMP.T, dtype=order + kind)
    data[1, 1, 1] = np.nan
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(order + kind)
    nibabel.Nifti1Image(data, np.eye(4), header).to_filename(tmp_path / "volume.nii.gz")
    assert nifti_problem(tmp_path / "volume.nii.gz") == "has NaN or infinite values"


def _write_dicom(folder: Path, series: str, *, phase: int = 0, first: int = 0) -> None:
    positions = [(0, 0, 2 * z) for z in range(len(RAMP))]
    write_stack(folder, RAMP + 100 * phase, positions, series=series, first=first + phase * len(RAMP))
