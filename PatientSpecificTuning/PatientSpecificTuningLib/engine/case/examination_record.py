"""What a prepared examination was made from, as case.json keeps it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..files import json_values
from ..files.content_hash import ContentHash
from ..images.geometry import Grid


@dataclass(frozen=True)
class ExaminationRecord:
    """What a prepared examination was made from and on which grids it lives.

    Attributes:
        sequences: content of the files of each sequence, by sequence name.
        organ_mask: content of the organ mask that was given, None where it was estimated.
        working_grid: the grid of images.npy, organ_mask.nii.gz, features and probability.
        user_grid: the grid of the first sequence as the user gave it; results return to it.
        settings: the options of the preparation.
        notes: sentences for the user, such as that the organ mask was estimated.
        kept_from: the least softmax of the base CNN at which a voxel's features are kept.
        middle_first: whether the file of the features begins with the middle slice.
    """

    sequences: dict[str, ContentHash]
    organ_mask: ContentHash | None
    working_grid: Grid
    user_grid: Grid
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()
    kept_from: float = 0.0
    middle_first: bool = False

    def same_input(self, other: ExaminationRecord) -> bool:
        """Whether both were made from the same content with the same settings."""
        return self.fingerprint() == other.fingerprint()

    def fingerprint(self) -> dict[str, Any]:
        """Content hashes and settings: what decides how the prepared examination looks."""
        mask = None if self.organ_mask is None else self.organ_mask.sha256
        hashes = {name: content.sha256 for name, content in self.sequences.items()}
        return {"sequences": hashes, "organ_mask": mask, "settings": self.settings}

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "sequences": {name: dataclasses.asdict(content) for name, content in self.sequences.items()},
            "organ_mask": None if self.organ_mask is None else dataclasses.asdict(self.organ_mask),
            "working_grid": self.working_grid.to_dict(),
            "user_grid": self.user_grid.to_dict(),
            "settings": self.settings,
            "notes": list(self.notes),
            "kept_from": self.kept_from,
            "middle_first": self.middle_first,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ExaminationRecord:
        """Build a record from what `to_dict` gave.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another kind than it must be.
        """
        values = json_values.fields(values, json_values.anything)
        mask = values["organ_mask"]
        return cls(
            sequences=json_values.fields(values["sequences"], _content),
            organ_mask=None if mask is None else _content(mask),
            working_grid=Grid.from_dict(values["working_grid"]),
            user_grid=Grid.from_dict(values["user_grid"]),
            settings=json_values.fields(values["settings"], json_values.anything),
            notes=json_values.entries(values["notes"], json_values.text),
            # Cases of earlier versions keep the features of every voxel of the organ, from the first slice to the last.
            kept_from=json_values.number(values.get("kept_from", 0.0), 0, 1),
            middle_first=json_values.truth(values.get("middle_first", False)),
        )


def _content(values: Any) -> ContentHash:
    values = json_values.fields(values, json_values.anything)
    files = json_values.entries(values["files"], json_values.text)
    return ContentHash(list(files), json_values.text(values["sha256"]))
