"""Volumes that can be put together to a series, such as phases that were loaded one by one."""

from __future__ import annotations

import re

import slicer

from .node_facts import volumeCount
from .shown_channel import ROLE

# A node, the number of the volume in it counted from 0, and how users read it.
Candidate = tuple[str, int, str]


def seriesCandidates(chosen, sequence: str) -> list[Candidate]:
    """The volumes of the series that is chosen already, otherwise all of the scene, those named like it first."""
    if chosen is not None and volumeCount(chosen) > 1:
        name = chosen.GetName()
        return [(chosen.GetID(), i, f"{name}, {i + 1}") for i in range(volumeCount(chosen))]
    shown = {node.GetNodeReference(ROLE) for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")}
    volumes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and not node.GetHideFromEditors()
        and node not in shown
    ]
    ordered = sorted(volumes, key=lambda node: _order(node.GetName(), sequence))
    return [(node.GetID(), 0, node.GetName()) for node in ordered]


def _order(name: str, sequence: str) -> tuple[bool, list[tuple[int, str]]]:
    """Names with that of the sequence first; numbers in names count as numbers."""
    parts = re.split(r"(\d+)", name.casefold())
    numbered = [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
    return sequence.casefold() not in name.casefold(), numbered
