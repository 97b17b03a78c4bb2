"""The sample cases that come with the extension, as nodes and in Slicer's Sample Data module."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..turns import Steps
from ..turns import atOnce
from .removal import removeNode

CATEGORY = "Patient-specific tuning"
# This file is looked at whenever Slicer starts, so everything else is loaded when a sample is.
RESOURCES = Path(__file__).resolve().parents[3] / "Resources"


def loadInTurns(name: str) -> Steps:
    """Load a sample case, one volume in each step; where it is given up, what was loaded is removed.

    Returns:
        for "baseline" and "followup" the nodes by sequence name, and that of the organ mask as "mask"; the known
        lesions of the follow-up as "lesions", to compare the result with.

    Raises:
        InputError: there is no such sample case.
    """
    loaded: dict[str, dict[str, Any]] = {}
    try:
        for examination, part, load in _parts(name):
            loaded.setdefault(examination, {})[part] = load()
            yield
    except GeneratorExit:
        for node in _nodesOf(loaded):
            if slicer.mrmlScene.IsNodePresent(node):
                removeNode(node)
        raise
    return loaded


def _parts(name: str) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Examination, part, and what loads it, for each file of a sample case."""
    from ...engine.cohort.sample_cases import sample_folder
    from ...engine.images.scan_files import find_examinations
    from ..situation.scans_state import examinationTitle

    found = find_examinations(sample_folder(name))
    for examination, files in (("baseline", found.baseline), ("followup", found.followup)):
        title = examinationTitle(examination)
        for sequence, paths in files.sequences.items():
            yield examination, sequence, partial(_loadSequence, paths, f"{title} {sequence}")
        mask = _("{title} {organ} mask").format(title=title, organ=name)
        yield examination, "mask", partial(_loadLabels, files.organ_mask, mask)
    yield "followup", "lesions", partial(_loadLabels, found.followup.lesions, _("Follow-up known lesions"))


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
            customDownloader=lambda source, name=name: _nodesOf(atOnce(loadInTurns(name))),
        )


def _nodesOf(loaded: dict[str, dict[str, Any]]) -> list:
    return [node for nodes in loaded.values() for node in nodes.values()]


def _loadLabels(path: Path, name: str):
    return slicer.util.loadLabelVolume(str(path), {"name": name, "show": False})


def _loadSequence(paths: list[Path], name: str):
    """A volume, or a sequence node where there are several."""
    from ...engine.images.volumes import count_volumes
    from ...engine.images.volumes import read_sequence
    from .image_nodes import sequenceNode

    if sum(count_volumes(path, name) for path in paths) > 1:
        return sequenceNode(read_sequence(paths, name), name)
    return slicer.util.loadVolume(str(paths[0]), {"name": name, "show": False})
