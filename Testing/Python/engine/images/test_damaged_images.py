"""What is read is complete or refused in one sentence, before it takes memory; what is written is checked."""

from __future__ import annotations

import gzip
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images import nifti_file
from PatientSpecificTuningLib.engine.images.geometry import check_geometry
from PatientSpecificTuningLib.engine.images.geometry import working_grid
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_stored
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.images.volumes import write_volume

VALUES = np.random.default_rng(0).normal(size=(6, 20, 24)).astype(np.float32)


def _written(path: Path, array: np.ndarray = VALUES) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1, 1, 3))
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.999])
@pytest.mark.parametrize("read", [read_volume, read_labelmap])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, suffix: str, share: float, read) -> None:
    path = _written(tmp_path / f"scan{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"^The FLAIR .*scan"):
        read(path, "FLAIR")


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_an_image_of_a_result_that_was_cut_off_is_refused(tmp_path: Path, kind: type, share: float) -> None:
    path = tmp_path / "labelmap.nii.gz"
    write_volume(sitk.GetImageFromArray(VALUES.astype(kind)), path)
    assert np.array_equal(sitk.GetArrayFromImage(read_stored(path)), VALUES.astype(kind))
    assert not nifti_file.is_cut_short(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"labelmap\.nii\.gz is missing or damaged"):
        read_stored(path)
    # Where nothing of the header is left, it is no such file.
    with suppress(OSError, ValueError):
        assert nifti_file.is_cut_short(path)


def test_an_image_of_a_result_of_another_shape_is_refused(tmp_path: Path) -> None:
    four = sitk.JoinSeries([sitk.GetImageFromArray(VALUES)] * 2)
    sitk.WriteImage(four, str(tmp_path / "labelmap.nii.gz"))
    for path in (tmp_path / "labelmap.nii.gz", tmp_path / "nothing.nii.gz"):
        with pytest.raises(InputError, match="is missing or damaged"):
            read_stored(path)


def test_a_compressed_file_with_a_wrong_byte_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "scan.nii.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="FLAIR"):
        read_volume(path, "FLAIR")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("size", [(900, 900, 900), (32767, 32767, 1000), (24, 20, 7)])
def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path, suffix: str, size) -> None:
    path = _written(tmp_path / "scan.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into("<3h", content, 42, *size)
    packed = gzip.compress(content) if suffix == ".nii.gz" else bytes(content)
    (tmp_path / f"bomb{suffix}").write_bytes(packed)
    with pytest.raises(InputError, match=r"too large|not complete"):
        read_volume(tmp_path / f"bomb{suffix}", "FLAIR")


def test_zeros_without_end_behind_an_image_are_not_unpacked(tmp_path: Path) -> None:
    path = _written(tmp_path / "scan.nii")
    with gzip.open(tmp_path / "bomb.nii.gz", "wb", compresslevel=1) as stream:
        stream.write(path.read_bytes())
        for _ in range(64):
            stream.write(bytes(1 << 20))
    read: list[int] = []
    real = nifti_file._opened

    class Counted:
        def __init__(self, stream) -> None:
            self.stream = stream

        def read(self, count: int) -> bytes:
            piece = self.stream.read(count)
            read.append(len(piece))
            return piece

        def __enter__(self) -> Counted:
            return self

        def __exit__(self, *_: object) -> None:
            self.stream.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nifti_file, "_opened", lambda path: Counted(real(path)))
        with pytest.raises(InputError, match="goes on far behind the image"):
            read_volume(tmp_path / "bomb.nii.gz", "FLAIR")
    assert sum(read) < 20 << 20
    assert max(read) <= 1 << 20


@pytest.mark.parametrize("step", [0.0, float("nan"), float("inf")])
def test_a_nifti_spacing_that_its_reader_would_call_1_mm_is_refused(tmp_path: Path, step: float) -> None:
    path = _written(tmp_path / "scan.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 80, step)
    struct.pack_into("<2h", content, 252, 0, 0)
    path.write_bytes(content)
    with pytest.raises(InputError, match="impossible spacing"):
        read_volume(path, "FLAIR")


@pytest.mark.parametrize("spacing", [(1e30, 1, 1), (100, 100, 3), (1e-9, 1, 1)])
def test_a_spacing_that_no_scan_has_is_refused_before_anything_is_resampled(spacing) -> None:
    image = sitk.GetImageFromArray(np.zeros((4, 48, 44), np.float32))
    image.SetSpacing(spacing)
    with pytest.raises(InputError, match="no scan of a patient has"):
        check_geometry(image, "FLAIR")


def test_a_scan_that_becomes_too_large_on_the_grid_of_the_model_is_refused() -> None:
    image = sitk.Image([400, 400, 600], sitk.sitkUInt8)
    image.SetSpacing((6, 6, 4))
    with pytest.raises(InputError, match="scan on the grid of the model is too large"):
        working_grid(image, 0.5)


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_complex_values_are_refused(tmp_path: Path, kind: type) -> None:
    nibabel.save(nibabel.Nifti1Image(VALUES.T.astype(kind), np.eye(4)), tmp_path / "scan.nii.gz")
    for read in (read_volume, read_labelmap):
        with pytest.raises(InputError, match="complex"):
            read(tmp_path / "scan.nii.gz", "FLAIR")


def test_a_sheared_nifti_is_told_its_reason(tmp_path: Path) -> None:
    affine = np.array([[1, 0.4, 0, 0], [0, 1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(VALUES.T, affine)
    image.header.set_qform(None, code=0)
    nibabel.save(image, tmp_path / "scan.nii.gz")
    with pytest.raises(InputError, match="right angles"):
        read_labelmap(tmp_path / "scan.nii.gz", "mask")


@pytest.mark.parametrize("name", ["scan.png", "scan.jpg", "scan.tif", "scan.vtk", "scan"])
def test_other_formats_are_refused_by_their_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match="use NIfTI, NRRD, MetaImage or a DICOM folder"):
        count_volumes(tmp_path / name, "FLAIR")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scan.nii.gz")
    for read in (read_volume, read_labelmap, count_volumes):
        with pytest.raises(InputError, match="neither a file nor a folder"):
            read(tmp_path / "scan.nii.gz", "FLAIR")
    with pytest.raises(InputError, match="is no file"):
        count_volumes(tmp_path, "FLAIR")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are always Unicode here")
def test_a_name_that_is_not_utf_8_is_refused_instead_of_ending_the_process(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/scan\xff.nii.gz")
    Path(path).write_bytes(_written(tmp_path / "scan.nii.gz").read_bytes())
    with pytest.raises(InputError, match="is not UTF-8; rename"):
        read_volume(Path(path), "FLAIR")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("compress", [True, False])
def test_a_writer_that_silently_leaves_a_stump_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, compress: bool
) -> None:
    path = tmp_path / f"labels{suffix}"
    image = sitk.GetImageFromArray(VALUES)
    write_volume(image, path, compress=compress)
    before = path.read_bytes()
    real = sitk.WriteImage

    def full_disk(image: sitk.Image, name: str, *arguments: object, **options: object) -> None:
        real(image, name, *arguments, **options)
        os.truncate(name, os.path.getsize(name) // 2)

    monkeypatch.setattr(sitk, "WriteImage", full_disk)
    with pytest.raises(InputError, match="cannot be written"):
        write_volume(image * 2, path, compress=compress)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
