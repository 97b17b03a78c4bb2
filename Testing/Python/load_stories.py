"""Large inputs, each as a function of its size: small for a test, as large as they come for `Testing/load.py`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders import tiny_card
from patients import TINY_SHAPE
from patients import write_image
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.cohort.manifest import read_cohort
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_sequence
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.images.volumes import write_volume
from PatientSpecificTuningLib.engine.lesions.lesions import label_lesions
from PatientSpecificTuningLib.engine.lesions.lesions import lesion_table
from PatientSpecificTuningLib.engine.lesions.overlap_rule import compare_lesions

SLOW_START_S = 0.02
MODEL = {"name": "tiny", "version": "1", "folder": "m", "sha256": "a" * 64}


def large_volume(folder: Path, slices: int, side: int = 512) -> str:
    """Write a volume, read it back, and see that it is the same."""
    values = np.random.default_rng(0).integers(0, 1000, (slices, side, side), dtype=np.int16)
    write_volume(sitk.GetImageFromArray(values), folder / "large.nii.gz")
    read = read_volume(folder / "large.nii.gz", "FLAIR")
    assert np.array_equal(sitk.GetArrayViewFromImage(read), values)
    return f"{side} x {side} x {slices}"


def many_phases(folder: Path, phases: int, side: int = 64) -> str:
    """Read a series of many volumes from one file and from one file each."""
    values = np.random.default_rng(0).random((phases, 20, side, side)).astype(np.float32)
    path = write_image(folder / "series.nii.gz", values, (1.5, 1.5, 3.0, 1.0))
    single = [write_image(folder / f"phase{i:03d}.nii", v) for i, v in enumerate(values)]
    assert count_volumes(path, "DCE") == phases
    for volumes in (read_sequence([path], "DCE"), read_sequence(single, "DCE")):
        assert len(volumes) == phases
        assert np.array_equal(sitk.GetArrayViewFromImage(volumes[-1]), values[-1])
    return f"{phases} volumes of {side} x {side} x 20"


def many_lesions(folder: Path, count: int) -> str:
    """Label, measure and compare many lesions."""
    del folder
    side = int(np.ceil(count ** (1 / 3)))
    mask = np.zeros((4 * side,) * 3, dtype=bool)
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)[:count] * 4 + 1
    for z, y, x in places:
        mask[z, y, x : x + 2] = True
    labels = label_lesions(mask)
    values = mask.astype(np.float32)
    rows = lesion_table(labels, 1.0, lambda index: index, values, values)
    assert len(rows) == count
    moved = label_lesions(np.roll(mask, 1, axis=2))
    assert len(compare_lesions(moved, labels, 1.0)) >= count
    return f"{count} lesions"


def many_versions(folder: Path, count: int) -> str:
    """Add many versions to a case, open it, go back to the first, and remove the last."""
    case = Case.create(folder / "case", model=MODEL)
    for number in range(count):
        with case.new_version("tuned", origin={"seed": number}) as version:
            (version / "provenance.json").write_text(json.dumps({"seed": number}))
    opened = Case.open(case.folder)
    assert opened.current["tuned"] == f"{count:04d}"
    assert opened.made_before("tuned", {"seed": 0}) == "0001"
    opened.remove_version("tuned", f"{count:04d}")
    assert len(opened.versions("tuned")) == count - 1
    return f"{count} versions"


def many_patients(folder: Path, count: int) -> str:
    """Check a manifest of many patients completely."""
    scan = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    lines = ["patient,examination,FLAIR,T1,lesions"]
    for number in range(count):
        for name in ("baseline", "followup"):
            files = [f"{number}/{name}_{role}.nii" for role in ("FLAIR", "T1", "lesions")]
            for file in files:
                write_image(folder / file, (scan > 0.5).astype(np.uint8) if "lesions" in file else scan)
            lines.append(",".join([f"p{number}", name, *files]))
    (folder / "manifest.csv").write_text("\n".join(lines))
    assert len(read_cohort(folder / "manifest.csv", tiny_card())) == count
    return f"{count} patients"


def many_tunings(folder: Path, count: int) -> str:
    """Tune and segment again and again in one process; the memory that this takes must not grow."""
    case = _prepared(folder, TINY_SHAPE)
    for number in range(1, count + 1):
        workflow.tune(case.folder, iterations=1 + number % 3, learning_rate=1e-4 / number)
        workflow.segment(case.folder, repetitions=2)
    assert len(case.versions("tuned")) == count
    return f"{count} tunings"


def _prepared(folder: Path, shape: tuple[int, int, int]) -> Case:
    patient, model = write_patient(folder / "patient", shape=shape), write_tiny_model(folder / "model")
    files = {
        name: {s: patient / f"{name}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        for name in ("baseline", "followup")
    }
    masks = {f"{name}_mask": patient / f"{name}_brain_mask.nii.gz" for name in files}
    case = workflow.prepare(
        folder / "case", **files, **masks, model=model, registration="none", with_change=False
    )
    workflow.annotate(case, patient / "baseline_lesion_mask.nii.gz", slices=[1])
    return case


def slow_disk(folder: Path, slices: int, side: int = 240, megabytes_per_s: float = 1.0) -> str:
    """The whole life of a case on a disk that takes its time for every file, and more for a large one."""
    waited: list[float] = []
    sizes: list[int] = []

    def wait(size: int) -> None:
        sizes.append(size)
        waited.append(SLOW_START_S + size / 1e6 / megabytes_per_s)
        time.sleep(waited[-1])

    with _waiting(wait):
        case = _prepared(folder, (slices, side, side))
        workflow.tune(case.folder, iterations=2)
        workflow.segment(case.folder, repetitions=2)
    assert case.versions("results") == ["0001"]
    return (
        f"a disk of {megabytes_per_s:g} MB/s, case of {side} x {side} x {slices}: {sum(sizes) / 1e6:.0f} MB in {len(sizes)}"
        f" files waited {sum(waited):.0f} s"
    )


@contextmanager
def _waiting(wait: Callable[[int], None]):
    real = os.fsync

    def slow(descriptor: int) -> None:
        wait(os.fstat(descriptor).st_size)
        real(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", slow)
        yield
