"""Situations of the panel as facts, from which its state is computed without Slicer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.live_files import LiveTuning
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.tuning.slice_proposal import SliceProposal
from PatientSpecificTuningLib.panel.situation.facts import CaseFacts
from PatientSpecificTuningLib.panel.situation.facts import CorrectionFacts
from PatientSpecificTuningLib.panel.situation.facts import Facts
from PatientSpecificTuningLib.panel.situation.facts import ImageFacts
from PatientSpecificTuningLib.panel.situation.facts import Settings
from PatientSpecificTuningLib.panel.situation.facts import SliceContent
from PatientSpecificTuningLib.panel.situation.facts import VersionFacts
from PatientSpecificTuningLib.panel.situation.state import LesionRow

GRID = Grid((40, 40, 6), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
CARD = ModelCard()
FIELDS = ("baselineFirst", "baselineSecond", "followupFirst", "followupSecond")
PROPOSALS = tuple(SliceProposal(rank, position, 0.4, 10) for rank, position in ((1, 3), (2, 4), (3, 2)))


def image(field: str, **changes: Any) -> ImageFacts:
    """A chosen image of its own content on the common grid."""
    return dataclasses.replace(ImageFacts(f"node {field}", field, f"content of {field}", GRID), **changes)


def images(**changes: ImageFacts | None) -> dict[str, ImageFacts]:
    """Both examinations complete, but for the changes; None takes an image away."""
    chosen: dict[str, ImageFacts | None] = {field: image(field) for field in FIELDS}
    return {field: found for field, found in (chosen | changes).items() if found is not None}


def case(**changes: Any) -> CaseFacts:
    """A case that holds both examinations."""
    prepared = CaseFacts(
        "cases/case-0123456789abcdef",
        prepared=frozenset({"baseline", "followup"}),
        grids={"baseline": GRID, "followup": GRID},
        workingGrids={"baseline": GRID, "followup": GRID},
        proposals=PROPOSALS,
    )
    return dataclasses.replace(prepared, **changes)


def corrections(**changes: Any) -> CorrectionFacts:
    """Corrections of the chosen baseline, begun and untouched."""
    untouched = {position: SliceContent("as found", "as found", 20.0) for position in (2, 3, 4)}
    begun = CorrectionFacts("node corrections", "Lesion", "content of baselineFirst", slices=untouched)
    return dataclasses.replace(begun, **changes)


def live(*slices: int, **changes: Any) -> LiveTuning:
    """What was learned from some slices; the others are proposed, the higher the better."""
    open_ = [position for position in (5, 4, 3, 2, 1) if position not in slices]
    proposals = tuple(
        SliceProposal(rank, position, 0.1, 8, 20.0 / rank, 6.0)
        for rank, position in enumerate(open_, start=1)
    )
    return dataclasses.replace(
        LiveTuning(
            slices, True, Path("lesions.nii.gz"), Path("probability.npy"), proposals, f"learned {slices}"
        ),
        **changes,
    )


def version(number: str, tuned: str | None = None, **run: Any) -> VersionFacts:
    """A result of the base CNN, or of a tuned one."""
    values = {"tuned": tuned, "lesions": 3, "volume_ml": 1.25, "repetitions": 0, "examination": "followup"}
    return VersionFacts(number, values | run, tuning={"slices": [3]} if tuned else {})


def row(key: str) -> LesionRow:
    """A lesion of the table."""
    place = (1.0, 2.0, 3.0)
    return LesionRow(key, key, "new", "new", None, 30.0, None, 0.8, None, place, place)


def situation(step: str = "scans", settings: dict[str, Any] | None = None, **changes: Any) -> Facts:
    """Both examinations are chosen; `changes` are those of `Facts`."""
    shown = {"baseline": "node baselineFirst", "followup": "node followupFirst"}
    chosen = Facts(images=images(), card=CARD, shownIds=shown, settings=Settings(step, **(settings or {})))
    return dataclasses.replace(chosen, **changes)


def reviewed(step: str = "result", settings: dict[str, Any] | None = None, **changes: Any) -> Facts:
    """A case with a result of the base CNN and of a tuned one with its uncertainty."""
    versions = (version("0002", "0001", repetitions=25), version("0001"))
    found = case(versions=versions, lesions=(row("1"), row("2")))
    given = {"case": found, "corrections": corrections()} | changes
    return situation(step, settings, **given)
