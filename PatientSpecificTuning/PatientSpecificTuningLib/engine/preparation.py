"""From the user's files to the arrays of one examination, ready for the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .case import Case
from .case import ExaminationRecord
from .content_hash import ContentHash
from .content_hash import content_hash
from .errors import InputError
from .model_card import ModelCard
from .preprocessing import Preprocessed
from .preprocessing import preprocess_examination
from .progress import Progress
from .scan_files import ExaminationFiles
from .volumes import read_labelmap
from .volumes import read_sequence


@dataclass(frozen=True)
class PreparationOptions:
    """How examinations are prepared.

    Attributes:
        registration: "rigid", "bspline" or "none", how sequences are brought onto the first one's grid.
        bias_correction: N4 on or off, None as the model card says.
        missing_sequence: "error", or "zero" to fill a sequence with zeros that the card names as dispensable.
    """

    registration: str = "rigid"
    bias_correction: bool | None = None
    missing_sequence: str = "error"


@dataclass(frozen=True)
class ExaminationInput:
    """What one examination is prepared from: files, their hashes, the sequences to use, and the options."""

    name: str
    files: ExaminationFiles
    used: tuple[str, ...]
    sequences: dict[str, ContentHash]
    organ_mask: ContentHash | None
    options: PreparationOptions

    @property
    def settings(self) -> dict[str, Any]:
        """The options and the sequences used, as the case keeps them."""
        return {**dataclasses.asdict(self.options), "sequences_used": list(self.used)}

    def is_prepared_in(self, case: Case) -> bool:
        """Whether the case holds this examination already.

        Raises:
            InputError: the case holds another examination under this name.
        """
        record = case.examinations.get(self.name)
        if record is None:
            return False
        fresh = dataclasses.replace(
            record, sequences=self.sequences, organ_mask=self.organ_mask, settings=self.settings
        )
        if not record.same_input(fresh):
            message = (
                f"{case.folder} already holds a {self.name} that was prepared from other images or settings; choose"
                " a new case folder."
            )
            raise InputError(message)
        return True


def examination_inputs(
    given: Mapping[str, ExaminationFiles], card: ModelCard, options: PreparationOptions
) -> list[ExaminationInput]:
    """Check that the sequences fit the model and hash the files.

    A sequence that is missing in one examination and may be zero is left out of all of them, so that the tuned
    head meets the same kind of features in the follow-up as in the baseline.

    Raises:
        InputError: a needed sequence is missing, or a file cannot be read.
    """
    wanted = [pathway.sequence for pathway in card.pathways]
    used = wanted
    for name, files in given.items():
        missing = [sequence for sequence in wanted if sequence not in files.sequences]
        if missing:
            _require_dispensable(name, missing, files, card, options)
        used = [sequence for sequence in used if sequence not in missing]
    inputs = []
    for name, files in given.items():
        hashes = {s: content_hash(files.sequences[s], f"{name} {s}") for s in used}
        mask = None if files.organ_mask is None else content_hash([files.organ_mask], f"{name} organ mask")
        inputs.append(ExaminationInput(name, files, tuple(used), hashes, mask, options))
    return inputs


def _require_dispensable(
    name: str, missing: Sequence[str], files: ExaminationFiles, card: ModelCard, options: PreparationOptions
) -> None:
    absent, there = " and ".join(missing), ", ".join(files.sequences) or "nothing"
    needs = ", ".join(pathway.sequence for pathway in card.pathways)
    start = f"The {name} has no {absent} but the model {card.name} needs {needs} (found: {there})"
    dispensable = set(missing) <= set(card.missing_sequences) and len(missing) < len(card.pathways)
    if not dispensable:
        message = f"{start}; give the missing images or choose a model for these sequences."
        raise InputError(message)
    if options.missing_sequence != "zero":
        message = (
            f"{start}; give the missing images or accept a less certain result with --missing-sequence zero."
        )
        raise InputError(message)


def preprocess_input(
    source: ExaminationInput, card: ModelCard, *, progress: Progress | None = None
) -> Preprocessed:
    """Read and preprocess one examination; pathways of sequences that are not used come back as zeros.

    Returns:
        images float32 (channels of the card, Z, Y, X) on the working grid, with organ mask, grids and notes.

    Raises:
        InputError: a volume cannot be used, or does not fit the others.
    """
    present = [pathway for pathway in card.pathways if pathway.sequence in source.used]
    volumes = [
        read_sequence(source.files.sequences[p.sequence], f"{source.name} {p.sequence}") for p in present
    ]
    path = source.files.organ_mask
    organ = None if path is None else read_labelmap(path, f"{source.name} organ mask")
    result = preprocess_examination(
        source.name,
        volumes,
        organ,
        dataclasses.replace(card, pathways=tuple(present)),
        registration=source.options.registration,
        bias_correction=source.options.bias_correction,
        progress=progress,
    )
    if len(present) == len(card.pathways):
        return result
    return _with_zeros(result, source, card)


def _with_zeros(result: Preprocessed, source: ExaminationInput, card: ModelCard) -> Preprocessed:
    images = np.zeros((card.channels, *result.images.shape[1:]), dtype=np.float32)
    notes = list(result.notes)
    channel = taken = 0
    for pathway in card.pathways:
        end = channel + pathway.channels
        if pathway.sequence in source.used:
            images[channel:end] = result.images[taken : taken + pathway.channels]
            taken += pathway.channels
        else:
            notes.append(f"The {source.name} is used without {pathway.sequence}, which is filled with zeros.")
        channel = end
    return dataclasses.replace(result, images=images, notes=notes)


def record_of(source: ExaminationInput, result: Preprocessed) -> ExaminationRecord:
    """The record of a prepared examination for case.json."""
    return ExaminationRecord(
        sequences=source.sequences,
        organ_mask=source.organ_mask,
        working_grid=result.working_grid,
        user_grid=result.user_grid,
        settings=source.settings,
        notes=tuple(result.notes),
    )
