"""Make the brain sample case that ships: a phantom patient on the ICBM 152 template (needs nilearn)."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PatientSpecificTuning"))

from PatientSpecificTuningLib.engine.cohort.sample_cases import SAMPLES
from PatientSpecificTuningLib.engine.images.volumes import write_volume
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import LesionAppearance
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import Anatomy
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import BrainAppearance
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import make_brain_patient

SEED = 2020
LESIONS = 64
APPEARANCE = BrainAppearance(
    lesions=LesionAppearance(flair_contrast=0.75, t1_contrast=0.6, halo=0.9),
    dirty_white_matter=0.16,
    caps=0.16,
    noise=0.055,
)


def template_anatomy() -> Anatomy:
    """The ICBM 152 (2009a, symmetric) template that nilearn carries, cropped to the brain, in LPS."""
    folder = Path(find_spec("nilearn").origin).parent / "datasets" / "data"
    t1, white, grey = (
        sitk.GetArrayFromImage(
            sitk.DICOMOrient(
                sitk.ReadImage(str(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")), "LPS"
            )
        )
        for name in ("t1", "wm", "gm")
    )
    inside = np.argwhere(t1 > 0)
    first, last = np.maximum(inside.min(axis=0) - 6, 0), inside.max(axis=0) + 7
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    return Anatomy(
        t1[box].astype(np.float32),
        (white[box] / 255).astype(np.float32),
        (grey[box] / 255).astype(np.float32),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=SAMPLES / "Brain", help="folder for the files")
    options = parser.parse_args()
    patient = make_brain_patient(template_anatomy(), SEED, appearance=APPEARANCE, lesion_count=LESIONS)
    for name, examination in (("baseline", patient.baseline), ("followup", patient.followup)):
        write_volume(examination.flair, options.output / f"{name}_FLAIR.nii.gz")
        write_volume(examination.t1, options.output / f"{name}_T1.nii.gz")
        write_volume(examination.brain_mask, options.output / f"{name}_brain_mask.nii.gz")
        write_volume(examination.lesions, options.output / f"{name}_lesions.nii.gz")
    fates = [lesion.fate for lesion in patient.followup_lesions]
    description = {
        "what": "phantom: simulated lesions and contrasts on the ICBM 152 template, no patient's data",
        "template": "mni_icbm152 nonlinear symmetric 2009a, see NOTICE.txt",
        "made_by": "Testing/make_sample_case.py",
        "seed": SEED,
        "appearance": asdict(APPEARANCE),
        "lesions": {fate: fates.count(fate) for fate in sorted(set(fates))},
    }
    (options.output / "sample.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
