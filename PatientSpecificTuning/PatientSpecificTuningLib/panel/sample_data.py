"""The sample case in Slicer's Sample Data module."""

from __future__ import annotations

import hashlib
from pathlib import Path

from slicer.i18n import tr as _

SAMPLE = Path(__file__).parents[2] / "Resources" / "SampleData" / "Brain"
VOLUMES = (
    ("baseline_FLAIR", "Baseline FLAIR", "VolumeFile"),
    ("baseline_T1", "Baseline T1", "VolumeFile"),
    ("baseline_brain_mask", "Baseline brain mask", "LabelmapFile"),
    ("followup_FLAIR", "Follow-up FLAIR", "VolumeFile"),
    ("followup_T1", "Follow-up T1", "VolumeFile"),
    ("followup_brain_mask", "Follow-up brain mask", "LabelmapFile"),
)


def register() -> None:
    """Offer the phantom patient; its files come with the extension, nothing is downloaded."""
    import SampleData

    files = [SAMPLE / f"{stem}.nii.gz" for stem, _name, _kind in VOLUMES]
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Patient-specific tuning",
        sampleName=_("Brain phantom, baseline and follow-up"),
        uris=[file.as_uri() for file in files],
        fileNames=[file.name for file in files],
        nodeNames=[name for _stem, name, _kind in VOLUMES],
        loadFileTypes=[kind for _stem, _name, kind in VOLUMES],
        checksums=[f"SHA256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files],
    )
