"""What the stories are played with: tiny patients and models, written by running this with Slicer's Python, and real scans."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
PACKAGE_ROOT = TESTING.parent / "PatientSpecificTuning"
MADE = "complete"
THICK_PAIR = "open_ms_longitudinal/patient12"
ISOTROPIC = "mslesseg/P39/timepoint1/iso1mm"
# As the data set releases it; the folder holds a part of it.
ISOTROPIC_SIZE = (182, 218, 182)
# Standard deviation, as a part of the mean in the brain.
NOISE = 0.03
SEQUENCES = {"First": "FLAIR", "Second": "T1"}

RealScans = dict[tuple[str, str], Path]
"""Files by examination and part ("First", "Second", "Mask") of the panel."""


def write(folder: Path) -> None:
    """Two tiny patients, a model that finds something in both, one that finds nothing, and one for the sample case."""
    sys.path[:0] = [str(PACKAGE_ROOT), str(TESTING / "Python")]
    from patients import write_patient
    from patients import write_tiny_model

    write_patient(folder / "first", seed=1)
    write_patient(folder / "second", seed=7)
    write_tiny_model(folder / "model", lesion_bias=-1.0)
    write_tiny_model(folder / "blind", lesion_bias=-20.0)
    # On the sample case, which is no tiny patient, the first would mark a third of the brain.
    write_tiny_model(folder / "sparse", lesion_bias=-7.5)
    (folder / MADE).write_text("", encoding="utf-8")


def materials(folder: Path, python: str) -> Path:
    """The folder, filled where it is not yet; torch is loaded in a process of its own, never in Slicer.

    Raises:
        AssertionError: they cannot be written; torch may be missing.
    """
    if not (folder / MADE).is_file():
        command = [python, str(Path(__file__).resolve()), str(folder)]
        run = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
        if run.returncode:
            message = f"The tiny patients cannot be made: {run.stderr.strip()[-2000:]}"
            raise AssertionError(message)
    return folder


def thick_pair(root: Path, folder: Path) -> RealScans | None:
    """Two examinations of a patient with slices of 3 mm; None where they are not below `root`."""
    del folder
    there = root / THICK_PAIR
    scans: RealScans = {}
    for examination in ("baseline", "followup"):
        for part, sequence in SEQUENCES.items():
            scans[examination, part] = there / f"{examination}_{sequence}.nii.gz"
        scans[examination, "Mask"] = there / "brain_mask.nii.gz"
    return scans if all(path.is_file() for path in scans.values()) else None


def isotropic_scans(root: Path, folder: Path) -> RealScans | None:
    """An examination with voxels of 1 mm, and the same with noise as its follow-up; None where it is not below `root`."""
    there = root / ISOTROPIC
    if not there.is_dir():
        return None
    import numpy as np
    import SimpleITK as sitk

    mask, noise = sitk.ReadImage(str(there / "brain_mask.nii.gz")), np.random.default_rng(0)
    scans: RealScans = {}
    for part, sequence in SEQUENCES.items():
        image = sitk.Cast(sitk.ReadImage(str(there / f"{sequence}.nii.gz")), sitk.sitkFloat32)
        array, inside = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) > 0
        array[inside] += noise.normal(0, NOISE * array[inside].mean(), int(inside.sum()))
        noisy = sitk.GetImageFromArray(array)
        noisy.CopyInformation(image)
        for examination, written in (("baseline", image), ("followup", noisy)):
            scans[examination, part] = folder / f"{examination}_{sequence}.nii.gz"
            sitk.WriteImage(_padded(written), str(scans[examination, part]))
    for examination in ("baseline", "followup"):
        scans[examination, "Mask"] = folder / "brain_mask.nii.gz"
    sitk.WriteImage(_padded(mask), str(scans["baseline", "Mask"]))
    return scans


def _padded(image):
    import SimpleITK as sitk

    missing = [wanted - size for wanted, size in zip(ISOTROPIC_SIZE, image.GetSize(), strict=True)]
    return sitk.ConstantPad(image, [n // 2 for n in missing], [n - n // 2 for n in missing])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
