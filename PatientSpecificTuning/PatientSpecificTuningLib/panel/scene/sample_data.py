"""The sample cases that come with the extension, as nodes and in Slicer's Sample Data module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

CATEGORY = "Patient-specific tuning"
# This file is looked at whenever Slicer starts, so everything else is loaded when a sample is.
RESOURCES = Path(__file__).resolve().parents[3] / "Resources"


def loadSampleCase(name: str) -> dict[str, dict[str, Any]]:
    """Load a sample case.

    Returns:
        for "baseline" and "followup" the nodes by sequence name, and that of the organ mask as "mask"; the known
        lesions of the follow-up as "lesions", to compare the result with.

    Raises:
        InputError: there is no such sample case.
    """
    from ...engine.cohort.sample_cases import sample_folder
    from ...engine.images.scan_files import find_examinations
    from ..situation.scans_state import examinationTitle

    found = find_examinations(sample_folder(name))
    loaded = {}
    for examination, files in (("baseline", found.baseline), ("followup", found.followup)):
        title = examinationTitle(examination)
        nodes = {
            sequence: _loaded(paths, f"{title} {sequence}") for sequence, paths in files.sequences.items()
        }
        options = {"name": _("{title} {organ} mask").format(title=title, organ=name), "show": False}
        nodes["mask"] = slicer.util.loadLabelVolume(str(files.organ_mask), options)
        loaded[examination] = nodes
    options = {"name": _("Follow-up known lesions"), "show": False}
    loaded["followup"]["lesions"] = slicer.util.loadLabelVolume(str(found.followup.lesions), options)
    return loaded


def register() -> None:
    """Offer the phantom patients; their files come with the extension, nothing is downloaded."""
    import SampleData

    # Slicer's own loader knows no label maps, and makes no sequence of the phases in a 4D file.
    for name, title in (
        ("brain", _("Brain phantom, baseline and follow-up")),
        ("liver", _("Liver phantom, baseline and follow-up")),
    ):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=title,
            uris=[],
            fileNames=[],
            nodeNames=[],
            thumbnailFileName=str(RESOURCES / "Icons" / f"Sample{name.capitalize()}.png"),
            customDownloader=lambda source, name=name: _nodesOf(loadSampleCase(name)),
        )


def _nodesOf(loaded: dict[str, dict[str, Any]]) -> list:
    return [node for nodes in loaded.values() for node in nodes.values()]


def _loaded(paths: list[Path], name: str):
    """A volume, or a sequence node where there are several."""
    from ...engine.images.volumes import count_volumes
    from ...engine.images.volumes import read_sequence
    from .image_nodes import sequenceNode

    if sum(count_volumes(path, name) for path in paths) > 1:
        return sequenceNode(read_sequence(paths, name), name)
    return slicer.util.loadVolume(str(paths[0]), {"name": name, "show": False})
