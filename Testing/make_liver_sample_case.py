"""Make the liver sample case that ships: a phantom patient, cropped around the liver."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PatientSpecificTuning"))

from PatientSpecificTuningLib.engine.images.volumes import write_volume
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import LiverPatient
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import make_liver_patient
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import standard_grid

SAMPLE_CASE = (
    Path(__file__).resolve().parents[1] / "PatientSpecificTuning" / "Resources" / "SampleData" / "Liver"
)
# Neither learned from nor judged; chosen by its appearance (faint hypervascular metastases beside benign nodules).
SEED = 2004
# Fewer and thicker slices than the model learned from, to keep the files small.
SIZE, SPACING_MM = (192, 144, 27), (1.543, 1.543, 5.0)
STEP = 3.5
MARGIN_VOXELS = np.array([1, 5, 5])
NOTICE = """\
These files are a phantom: anatomy, perfusion, diffusion and metastases are simulated by formulas, see
Testing/make_liver_sample_case.py. They show no patient and contain no one's data.
"""


def around_liver(patient: LiverPatient) -> tuple[list[int], list[int]]:
    """First index and size (x, y, z) of the box that holds the liver of both examinations, with a margin."""
    masks = [sitk.GetArrayFromImage(e.liver_mask) > 0 for e in (patient.baseline, patient.followup)]
    inside = np.argwhere(masks[0] | masks[1])
    first = np.maximum(inside.min(axis=0) - MARGIN_VOXELS, 0)
    last = np.minimum(inside.max(axis=0) + 1 + MARGIN_VOXELS, masks[0].shape)
    return first[::-1].tolist(), (last - first)[::-1].tolist()


def compact(volume: sitk.Image) -> sitk.Image:
    """Intensity in steps of `STEP` as uint8: no coarser than the noise, and small enough to ship."""
    # SimpleITK would divide an integer image by a rounded number.
    steps = sitk.Round(sitk.Cast(volume, sitk.sitkFloat32) / STEP)
    return sitk.Cast(sitk.Clamp(steps, upperBound=255), sitk.sitkUInt8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=SAMPLE_CASE, help="folder for the files")
    parser.add_argument("--seed", type=int, default=SEED, help="of another phantom patient")
    options = parser.parse_args()
    patient = make_liver_patient(options.seed, grid=standard_grid(SIZE, SPACING_MM))
    first, size = around_liver(patient)

    def cropped(image: sitk.Image) -> sitk.Image:
        return sitk.RegionOfInterest(image, size, first)

    for name, examination in (("baseline", patient.baseline), ("followup", patient.followup)):
        for sequence, volumes in (("DCE", examination.dce), ("DWI", examination.dwi)):
            series = sitk.JoinSeries([compact(cropped(volume)) for volume in volumes])
            write_volume(series, options.output / f"{name}_{sequence}.nii.gz")
        write_volume(cropped(examination.liver_mask), options.output / f"{name}_liver_mask.nii.gz")
        write_volume(cropped(examination.lesions), options.output / f"{name}_lesions.nii.gz")
    fates = [lesion.fate for lesion in patient.after.metastases]
    description = {
        "what": "phantom: simulated abdomen with DCE-MRI and DWI, no patient's data",
        "made_by": "Testing/make_liver_sample_case.py",
        "seed": options.seed,
        "appearance": asdict(patient.appearance),
        "metastases": {fate: fates.count(fate) for fate in sorted(set(fates))},
        "mimics": {
            "baseline": sorted(lesion.kind for lesion in patient.before.mimics),
            "followup": sorted(lesion.kind for lesion in patient.after.mimics),
        },
    }
    (options.output / "sample.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    (options.output / "NOTICE.txt").write_text(NOTICE, encoding="utf-8")


if __name__ == "__main__":
    main()
