"""The sample cases that come with the extension, as nodes and in Slicer's Sample Data module."""

from __future__ import annotations

import hashlib
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ...engine.cohort.sample_cases import sample_folder
from ...engine.images.scan_files import find_examinations
from ...engine.images.volumes import read_sequence
from .image_nodes import sequenceNode
from ..parameters import TITLES

BRAIN_VOLUMES = (
    ("baseline_FLAIR", "Baseline FLAIR", "VolumeFile"),
    ("baseline_T1", "Baseline T1", "VolumeFile"),
    ("baseline_brain_mask", "Baseline brain mask", "LabelmapFile"),
    ("followup_FLAIR", "Follow-up FLAIR", "VolumeFile"),
    ("followup_T1", "Follow-up T1", "VolumeFile"),
    ("followup_brain_mask", "Follow-up brain mask", "LabelmapFile"),
)


def loadSampleCase(name: str) -> dict[str, dict[str, object]]:
    """Load a sample case.

    Returns:
        for "baseline" and "followup" the nodes by sequence name, and that of the organ mask as "mask"; the known
        lesions of the follow-up as "lesions", to compare the result with.

    Raises:
        InputError: there is no such sample case.
    """
    found = find_examinations(sample_folder(name))
    loaded = {}
    for examination, files in (("baseline", found.baseline), ("followup", found.followup)):
        title = _(TITLES[examination])
        nodes = {
            sequence: _loaded(paths, f"{title} {sequence}") for sequence, paths in files.sequences.items()
        }
        options = {"name": _("{title} {organ} mask").format(title=title, organ=name), "show": False}
        nodes["mask"] = slicer.util.loadLabelVolume(str(files.organ_mask), options)
        loaded[examination] = nodes
    options = {"name": _("Follow-up known lesions"), "show": False}
    loaded["followup"]["lesions"] = slicer.util.loadLabelVolume(str(found.followup.lesions), options)
    return loaded


def _loaded(paths: list[Path], name: str):
    """A volume, or a sequence node where there are several."""
    images = read_sequence(paths, name)
    if len(images) > 1:
        return sequenceNode(images, name)
    return slicer.util.loadVolume(str(paths[0]), {"name": name, "show": False})


def register() -> None:
    """Offer the phantom patients; their files come with the extension, nothing is downloaded."""
    import SampleData

    register_ = SampleData.SampleDataLogic.registerCustomSampleDataSource
    files = [sample_folder("brain") / f"{stem}.nii.gz" for stem, _name, _kind in BRAIN_VOLUMES]
    register_(
        category="Patient-specific tuning",
        sampleName=_("Brain phantom, baseline and follow-up"),
        uris=[file.as_uri() for file in files],
        fileNames=[file.name for file in files],
        nodeNames=[name for _stem, name, _kind in BRAIN_VOLUMES],
        loadFileTypes=[kind for _stem, _name, kind in BRAIN_VOLUMES],
        checksums=[f"SHA256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files],
    )
    # Slicer's readers make no sequence of the phases in a 4D file.
    register_(
        category="Patient-specific tuning",
        sampleName=_("Liver phantom, baseline and follow-up"),
        customDownloader=lambda source: loadSampleCase("liver"),
    )
