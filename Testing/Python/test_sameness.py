"""The same scan gives the same lesions: in every storage, from any folder, on any number of threads, again and again."""

from __future__ import annotations

import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from dicom_series import write_stack
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.geometry import resample_labelmap
from safetensors.numpy import load_file

# Additions in another order differ in the last bits of float32.
TOLERANCE = 1e-5
# Intensities that are rounded to whole numbers move voxels at the edge of a lesion over the threshold.
LEAST_DICE = 0.99


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_patient(tmp_path_factory.mktemp("same") / "patient")
    write_tiny_model(folder.parent / "model", lesion_bias=0.3)
    return folder


@pytest.fixture(scope="module")
def reference(patient: Path) -> tuple[list[str], sitk.Image]:
    return _lesions(patient, patient, ".nii.gz", patient.parent / "reference")


def _lesions(patient: Path, images: Path, suffix: str, case: Path) -> tuple[list[str], sitk.Image]:
    """The lines of the lesion table, and the labelmap, of the follow-up by the base CNN."""
    workflow.prepare(
        case,
        followup={s: images / f"followup_{s}{suffix}" for s in ("FLAIR", "T1")},
        followup_mask=images / f"followup_brain_mask{suffix or '.nii.gz'}",
        model=patient.parent / "model",
        registration="none",
    )
    result = workflow.segment(case, weights="base", repetitions=2)
    assert result.lesions > 0
    return _table(result.folder / "lesions.csv"), sitk.ReadImage(str(result.labelmap))


def _table(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _converted(patient: Path, folder: Path, suffix: str, change: Callable[[sitk.Image], sitk.Image]) -> Path:
    folder.mkdir(parents=True)
    for path in patient.glob("followup_*"):
        image = change(sitk.ReadImage(str(path)))
        sitk.WriteImage(image, str(folder / path.name.replace(".nii.gz", suffix)))
    return folder


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_every_storage_of_a_scan_gives_the_same_lesion_table_to_the_byte(
    patient: Path, reference, tmp_path: Path, suffix: str
) -> None:
    images = _converted(patient, tmp_path / "images", suffix, lambda image: image)
    table, labelmap = _lesions(patient, images, suffix, tmp_path / "case")
    assert table == reference[0]
    assert sitk.Hash(labelmap) == sitk.Hash(reference[1])


def test_a_dicom_series_gives_the_same_lesion_table_to_the_byte(patient: Path, tmp_path: Path) -> None:
    """DICOM holds whole numbers, so both are made from the rounded image."""

    def rounded(image: sitk.Image) -> sitk.Image:
        return sitk.Cast(sitk.Round(sitk.Cast(image, sitk.sitkFloat32)), sitk.sitkInt16)

    files = _converted(patient, tmp_path / "files", ".nii.gz", rounded)
    series = tmp_path / "series"
    series.mkdir()
    for path in files.glob("followup_*"):
        image = sitk.ReadImage(str(path))
        planes, name = sitk.GetArrayFromImage(image), path.name.removesuffix(".nii.gz")
        if name.endswith("_mask"):
            shutil.copyfile(path, series / path.name)
            continue
        positions = [image.TransformIndexToPhysicalPoint((0, 0, z)) for z in range(len(planes))]
        write_stack(series / name, planes, positions, spacing=image.GetSpacing()[:2])
    known, _ = _lesions(patient, files, ".nii.gz", tmp_path / "case of files")
    table, _ = _lesions(patient, series, "", tmp_path / "case of series")
    assert table == known


@pytest.mark.parametrize(
    "change",
    [
        lambda image: sitk.Flip(image, [True, False, False]),
        lambda image: sitk.Flip(image, [False, True, True]),
        lambda image: sitk.PermuteAxes(image, [2, 0, 1]),
        lambda image: sitk.PermuteAxes(sitk.Flip(image, [True, True, False]), [1, 0, 2]),
    ],
    ids=["left to right", "two axes", "slices first", "turned"],
)
def test_a_scan_that_is_stored_along_other_axes_shows_the_same_lesions(
    patient: Path, reference, tmp_path: Path, change
) -> None:
    images = _converted(patient, tmp_path / "images", ".nii.gz", change)
    table, labelmap = _lesions(patient, images, ".nii.gz", tmp_path / "case")
    assert len(table) == len(reference[0])
    there = resample_labelmap(labelmap, Grid.of(reference[1]))
    assert np.array_equal(sitk.GetArrayFromImage(there), sitk.GetArrayFromImage(reference[1]))


def test_a_folder_far_down_with_names_in_several_scripts_changes_nothing(
    patient: Path, reference, tmp_path: Path
) -> None:
    deep = tmp_path / "患者 données" / "Łódź-ß-é"
    if os.name != "nt":
        # Windows allows 260 characters in all where nobody has changed that.
        deep = deep.joinpath(*["a folder with a rather long name"] * 8)
    images = _converted(patient, deep / "образы", ".nrrd", lambda image: image)
    table, labelmap = _lesions(patient, images, ".nrrd", deep / "случай")
    assert table == reference[0]
    assert sitk.Hash(labelmap) == sitk.Hash(reference[1])


@contextmanager
def _decimal_commas(folder: Path) -> Iterator[bool]:
    """The numbers of a country that writes 0,5, made in a folder where needed; False where that cannot be done."""
    earlier, known = locale.setlocale(locale.LC_ALL), os.environ.get("LOCPATH")
    names = ("de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "German_Germany.1252", "de_DE")
    try:
        if not _set_first(names) and _made_locale(folder):
            os.environ["LOCPATH"] = str(folder)
            _set_first(names)
        yield locale.localeconv()["decimal_point"] == ","
    finally:
        os.environ.pop("LOCPATH", None)
        if known is not None:
            os.environ["LOCPATH"] = known
        locale.setlocale(locale.LC_ALL, earlier)


def _set_first(names: tuple[str, ...]) -> bool:
    for name in names:
        with suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, name)
            return True
    return False


def _made_locale(folder: Path) -> bool:
    program = shutil.which("localedef")
    if program is None:
        return False
    folder.mkdir()
    command = [program, "-f", "UTF-8", "-i", "de_DE", str(folder / "de_DE.UTF-8")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mhd"])
def test_a_country_that_writes_decimal_commas_changes_nothing(
    patient: Path, reference, tmp_path: Path, suffix: str
) -> None:
    images = _converted(patient, tmp_path / "images", suffix, lambda image: image)
    with _decimal_commas(tmp_path / "locales") as commas:
        if not commas:
            pytest.skip("this computer has no locale with decimal commas and cannot make one")
        table, _ = _lesions(patient, images, suffix, tmp_path / "case")
    assert table == reference[0]


NUMBERS = {
    "float64": (lambda image: sitk.Cast(image, sitk.sitkFloat64), 1.0),
    "int16": (lambda image: sitk.Cast(sitk.Round(image), sitk.sitkInt16), LEAST_DICE),
    "int32": (lambda image: sitk.Cast(sitk.Round(image), sitk.sitkInt32), LEAST_DICE),
    "float32 in other units": (lambda image: image * 0.37 + 3.0, LEAST_DICE),
}


@pytest.mark.parametrize(("change", "least"), NUMBERS.values(), ids=NUMBERS)
def test_a_scan_in_another_number_format_shows_the_same_lesions_but_for_rounding(
    patient: Path, reference, tmp_path: Path, change, least: float
) -> None:
    def converted(image: sitk.Image) -> sitk.Image:
        return change(image) if "float" in image.GetPixelIDTypeAsString() else image

    images = _converted(patient, tmp_path / "images", ".nii.gz", converted)
    _table_of_it, labelmap = _lesions(patient, images, ".nii.gz", tmp_path / "case")
    found, known = (sitk.GetArrayFromImage(image) > 0 for image in (labelmap, reference[1]))
    assert 2 * (found & known).sum() / (found.sum() + known.sum()) >= least


def _tuned(patient: Path, case: Path) -> tuple[dict[str, Any], list[str]]:
    workflow.prepare(
        case,
        baseline={s: patient / f"baseline_{s}.nii.gz" for s in ("FLAIR", "T1")},
        baseline_mask=patient / "baseline_brain_mask.nii.gz",
        model=patient.parent / "model",
        registration="none",
    )
    workflow.annotate(case, patient / "baseline_lesion_mask.nii.gz", slices=[1])
    tuned = workflow.tune(case, iterations=3, seed=5)
    result = workflow.segment(case, examination="baseline", repetitions=2, seed=5)
    return load_file(tuned.folder / "head.safetensors"), _table(result.folder / "lesions.csv")


@pytest.mark.long
def test_the_same_seed_gives_the_same_head_and_on_more_threads_nearly_the_same(
    patient: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for number, count in enumerate((1, 1, 2)):
            torch.set_num_threads(count)
            found.append(_tuned(patient, tmp_path / str(number)))
    finally:
        torch.set_num_threads(threads)
    (first, table), (again, again_table), (threaded, _) = found
    assert table == again_table
    for name, values in first.items():
        assert np.array_equal(values, again[name])
        assert np.allclose(values, threaded[name], atol=TOLERANCE)


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_sameness import _tuned
_tuned(Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.mark.long
def test_another_process_gives_the_same_head_and_the_same_lesions(patient: Path, tmp_path: Path) -> None:
    arguments = [str(path) for path in (Path(__file__).parent, patient, tmp_path / "theirs")]
    subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS, *arguments], check=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        head, table = _tuned(patient, tmp_path / "ours")
    finally:
        torch.set_num_threads(threads)
    theirs = load_file(tmp_path / "theirs" / "tuned" / "0001" / "head.safetensors")
    assert head.keys() == theirs.keys()
    assert all(np.array_equal(values, theirs[name]) for name, values in head.items())
    assert table == _table(tmp_path / "theirs" / "results" / "0001" / "lesions.csv")
