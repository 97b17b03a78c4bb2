"""A DICOM folder is one complete stack of equal distances, or is refused: its spacing would be wrong in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_series import write_stack
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_volume

SLICES = 6
OBLIQUE = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0]])


def _write(folder: Path, positions: list[tuple[float, float, float]], **options: list[str]) -> Path:
    planes = np.arange(30).reshape(5, 6) + 100 * np.arange(len(positions))[:, None, None]
    return write_stack(folder, planes, positions, spacing=(0.9, 0.9), **options)


def _stack(step: float = 3.0) -> list[tuple[float, float, float]]:
    return [(0.0, 0.0, step * z) for z in range(SLICES)]


@pytest.mark.parametrize("step", [0.8, 3.0, 6.6])
def test_a_regular_stack_has_its_spacing(tmp_path: Path, step: float) -> None:
    volume = read_volume(_write(tmp_path / "dicom", _stack(step)), "FLAIR")
    assert volume.GetSpacing() == pytest.approx((0.9, 0.9, step))
    assert volume.GetSize() == (6, 5, SLICES)


def test_a_regular_stack_in_an_oblique_plane_with_rounded_positions_is_taken(tmp_path: Path) -> None:
    normal = np.cross(*OBLIQUE)
    positions = [tuple(np.round(normal * 3.3 * z + (12.3, 4.5, 6.7), 2)) for z in range(SLICES)]
    orientation = "\\".join(f"{v}" for v in OBLIQUE.ravel())
    volume = read_volume(_write(tmp_path / "d", positions, orientations=[orientation] * SLICES), "FLAIR")
    assert volume.GetSpacing()[2] == pytest.approx(3.3, abs=0.01)


@pytest.mark.parametrize("missing", range(1, SLICES - 1))
def test_a_missing_slice_is_seen(tmp_path: Path, missing: int) -> None:
    folder = _write(tmp_path / "dicom", _stack())
    (folder / f"{missing:03d}.dcm").unlink()
    with pytest.raises(InputError, match=r"gaps of 3 to 6 mm .* slices are missing"):
        count_volumes(folder, "FLAIR")


def test_unequal_gaps_are_seen(tmp_path: Path) -> None:
    positions = [(0.0, 0.0, z) for z in (0.0, 3.0, 6.0, 9.2, 12.2, 15.2)]
    with pytest.raises(InputError, match=r"gaps of 3 to 3\.2 mm"):
        read_volume(_write(tmp_path / "dicom", positions), "FLAIR")


def test_a_tilted_gantry_is_seen(tmp_path: Path) -> None:
    positions = [(0.0, 0.7 * z, 3.0 * z) for z in range(SLICES)]
    with pytest.raises(InputError, match="shifted against each other"):
        read_volume(_write(tmp_path / "dicom", positions), "FLAIR")


def test_slices_of_another_direction_are_seen(tmp_path: Path) -> None:
    turned = ["1\\0\\0\\0\\1\\0"] * (SLICES - 1) + ["1\\0\\0\\0\\0.999\\0.0447"]
    with pytest.raises(InputError, match=r"different directions|images at each slice|gaps"):
        read_volume(_write(tmp_path / "dicom", _stack(), orientations=turned), "FLAIR")


@pytest.mark.parametrize("length", [0, 100, 400, -20])
@pytest.mark.parametrize("which", [0, 2, SLICES - 1])
def test_a_damaged_file_is_named_and_not_left_out(tmp_path: Path, which: int, length: int) -> None:
    folder = _write(tmp_path / "dicom", _stack())
    path = folder / f"{which:03d}.dcm"
    content = path.read_bytes()
    path.write_bytes(content[:length])
    with pytest.raises(InputError, match=rf"{path.name}.* cannot be read as DICOM"):
        read_volume(folder, "FLAIR")


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    folder = _write(tmp_path / "dicom", _stack())
    try:
        (folder / "007.dcm").symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("links need special rights here")
    with pytest.raises(InputError, match=r"007\.dcm .* link to nothing"):
        read_volume(folder, "FLAIR")


def test_other_files_beside_the_series_do_no_harm(tmp_path: Path) -> None:
    folder = _write(tmp_path / "dicom", _stack())
    (folder / "readme.txt").write_text("from the archive")
    (folder / "DICOMDIR").write_bytes(bytes(200))
    assert count_volumes(folder, "FLAIR") == 1


def test_two_slices_at_one_place_are_no_complete_volumes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 to 2 images at each slice"):
        read_volume(_write(tmp_path / "dicom", [*_stack(), (0.0, 0.0, 3.0)]), "FLAIR")
