"""Make the brain anatomy that phantom cohorts are drawn from: the tissue maps of the ICBM 152 template (needs nilearn)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PatientSpecificTuning"))

from make_sample_case import template_anatomy
from PatientSpecificTuningLib.engine.cohort.brain_anatomy import ANATOMY
from PatientSpecificTuningLib.engine.cohort.brain_anatomy import LEVELS
from PatientSpecificTuningLib.engine.images.volumes import write_volume

# Half as fine as the template: a third of the size, and thick slices blur more than that.
SPACING_MM = 1.5


def coarse(volume: sitk.Image) -> sitk.Image:
    """A map on the coarser grid, smoothed so that nothing aliases."""
    size = [round(n * s / SPACING_MM) for n, s in zip(volume.GetSize(), volume.GetSpacing(), strict=True)]
    smooth = sitk.SmoothingRecursiveGaussian(volume, 0.4 * SPACING_MM)
    spacing = (SPACING_MM,) * 3
    return sitk.Resample(
        smooth,
        size,
        sitk.Transform(),
        sitk.sitkLinear,
        volume.GetOrigin(),
        spacing,
        volume.GetDirection(),
        0.0,
        sitk.sitkFloat32,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ANATOMY, help="the file to write")
    options = parser.parse_args()
    anatomy = template_anatomy()
    parts = []
    for volume in (anatomy.t1 / anatomy.t1.max(), anatomy.white_matter, anatomy.grey_matter):
        levels = sitk.Clamp(sitk.Round(coarse(sitk.GetImageFromArray(volume)) * LEVELS), upperBound=LEVELS)
        parts.append(sitk.Cast(levels, sitk.sitkUInt8))
    write_volume(sitk.Compose(parts), options.output)


if __name__ == "__main__":
    main()
