"""From the user's files to the arrays of one examination, ready for the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..files.content_hash import ContentHash
from ..files.content_hash import content_hash
from ..images.channels import channel_note
from ..images.channels import in_series_order
from ..images.channels import volumes_for_channels
from ..images.motion_correction import corrected_sequences
from ..images.motion_correction import require_elastix
from ..images.preprocessing import Preprocessed
from ..images.preprocessing import preprocess_examination
from ..images.preprocessing import require_organ_mask
from ..images.scan_files import ExaminationFiles
from ..images.volumes import count_volumes
from ..images.volumes import read_labelmap
from ..images.volumes import read_sequence
from ..model.card import ModelCard
from ..model.card import Pathway
from ..progress import Progress
from ..progress import part
from ..progress import within
from ..side_by_side import side_by_side
from .case import Case
from .examination_record import ExaminationRecord

# A sixth of the voxels: hardly any lesion that a tuned CNN finds lies below, and some of what it makes up does.
KEPT_FROM = 1e-3
Files = ExaminationFiles | Mapping[str, Path | str | Sequence[Path | str]]
Channels = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class PreparationOptions:
    """How examinations are prepared.

    Attributes:
        registration: "rigid", "bspline" or "none", how sequences are brought onto the first one's grid; None as
            the model card says.
        motion_correction: "groupwise" for the first sequence, "none" for no sequence, None as the model card says.
        bias_correction: N4 on or off, None as the model card says.
        missing_sequence: "error", or "zero" to fill a sequence with zeros that the card names as dispensable.
        kept_from: the least softmax of the base CNN at which a voxel's features are kept; no CNN tuned on top of them
            finds a lesion where it is lower. 0 keeps all, as the paper does.
    """

    registration: str | None = None
    bias_correction: bool | None = None
    missing_sequence: str = "error"
    motion_correction: str | None = None
    kept_from: float = KEPT_FROM

    def __post_init__(self) -> None:
        if not 0 <= self.kept_from < 1:
            message = f"Features cannot be kept from a softmax of {self.kept_from:g} on; give a number from 0 to below 1."
            raise InputError(message)


@dataclass(frozen=True)
class ExaminationInput:
    """What one examination is prepared from: files, their hashes, the sequences to use, and the options.

    Attributes:
        files: the files of every sequence in the order in which their volumes are counted.
        used: the sequences of the model card that are used.
        volumes: for each of them, which volume serves each channel, counted from 1.
        motion_corrected: those whose volumes are brought into one position.
        options: with what the model card says where they leave it open.
        notes: sentences for the user.
    """

    name: str
    files: ExaminationFiles
    used: tuple[str, ...]
    volumes: dict[str, tuple[int, ...]]
    motion_corrected: tuple[str, ...]
    sequences: dict[str, ContentHash]
    organ_mask: ContentHash | None
    options: PreparationOptions
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What besides the files decides how the prepared examination looks, as the case keeps it.

        Whatever is as in a case of single volumes is left out, so that cases of earlier versions are recognised.
        """
        kept: dict[str, Any] = {
            "registration": self.options.registration,
            "bias_correction": self.options.bias_correction,
            "missing_sequence": self.options.missing_sequence,
            "sequences_used": list(self.used),
        }
        if self.motion_corrected:
            kept["motion_corrected"] = list(self.motion_corrected)
        mapped = {s: list(chosen) for s, chosen in self.volumes.items() if list(chosen) != _in_order(chosen)}
        return {**kept, "volumes": mapped} if mapped else kept

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


def given_files(
    files: Files, mask: Path | str | None = None, channels: Channels | None = None
) -> ExaminationFiles:
    """The files of one examination, however they were given.

    Args:
        files: by sequence name; several files of one sequence are its channels.
        mask: organ mask, None to keep the one that `files` names.
        channels: by sequence name, which volume serves each channel, counted from 1.
    """
    if not isinstance(files, ExaminationFiles):
        given = {name: [paths] if isinstance(paths, Path | str) else paths for name, paths in files.items()}
        files = ExaminationFiles({name: [Path(path) for path in paths] for name, paths in given.items()})
    mapped = {name: tuple(numbers) for name, numbers in (channels or {}).items()}
    return dataclasses.replace(
        files,
        organ_mask=files.organ_mask if mask is None else Path(mask),
        channels={**files.channels, **mapped},
    )


def examination_inputs(
    given: Mapping[str, ExaminationFiles], card: ModelCard, options: PreparationOptions
) -> list[ExaminationInput]:
    """Check that the sequences and their volumes fit the model and hash the files.

    A sequence that is missing in one examination and may be zero is left out of all of them, so that the tuned
    head meets the same kind of features in the follow-up as in the baseline.

    Raises:
        InputError: a needed sequence, volume, organ mask or package is missing, or a file cannot be read.
    """
    used = _used_sequences(given, card, options)
    options = dataclasses.replace(options, registration=options.registration or card.registration)
    corrected = tuple(s for s in corrected_sequences(card, options.motion_correction) if s in used)
    if corrected:
        require_elastix(corrected[0])
    pathways = [pathway for pathway in card.pathways if pathway.sequence in used]
    return [_input(name, files, pathways, card, corrected, options) for name, files in given.items()]


def _used_sequences(
    given: Mapping[str, ExaminationFiles], card: ModelCard, options: PreparationOptions
) -> tuple[str, ...]:
    wanted = [pathway.sequence for pathway in card.pathways]
    used = wanted
    for name, files in given.items():
        missing = [sequence for sequence in wanted if sequence not in files.sequences]
        if missing:
            _require_dispensable(name, missing, files, card, options)
        used = [sequence for sequence in used if sequence not in missing]
    return tuple(used)


def _input(
    name: str,
    files: ExaminationFiles,
    pathways: Sequence[Pathway],
    card: ModelCard,
    corrected: tuple[str, ...],
    options: PreparationOptions,
) -> ExaminationInput:
    require_organ_mask(name, files.organ_mask, card)
    _require_known(name, files, card)
    files = dataclasses.replace(files, sequences={s: in_series_order(p) for s, p in files.sequences.items()})
    volumes, notes = {}, []
    for pathway in pathways:
        sequence, paths = pathway.sequence, files.sequences[pathway.sequence]
        counts = [count_volumes(path, f"{name} {sequence}") for path in paths]
        wanted = files.channels.get(sequence)
        volumes[sequence] = volumes_for_channels(name, card.name, pathway, paths, counts, wanted)
        notes.append(channel_note(name, pathway, paths, volumes[sequence]))
    hashes = {s: content_hash(files.sequences[s], f"{name} {s}") for s in volumes}
    mask = None if files.organ_mask is None else content_hash([files.organ_mask], f"{name} organ mask")
    said = tuple(note for note in notes if note)
    return ExaminationInput(name, files, tuple(volumes), volumes, corrected, hashes, mask, options, said)


def _require_known(name: str, files: ExaminationFiles, card: ModelCard) -> None:
    sequences = [pathway.sequence for pathway in card.pathways]
    unknown = [sequence for sequence in files.channels if sequence not in sequences]
    if unknown:
        message = (
            f"The channels of {unknown[0]} are mapped in the {name} but the model {card.name} has"
            f" {', '.join(sequences)}; name one of these."
        )
        raise InputError(message)


def _in_order(chosen: Sequence[int]) -> list[int]:
    return list(range(1, len(chosen) + 1))


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
    volumes = [_channels_of(source, pathway.sequence) for pathway in present]
    path = source.files.organ_mask
    organ = None if path is None else read_labelmap(path, f"{source.name} organ mask")
    result = preprocess_examination(
        source.name,
        volumes,
        organ,
        dataclasses.replace(card, pathways=tuple(present)),
        registration=source.options.registration,
        motion_correction=source.options.motion_correction,
        bias_correction=source.options.bias_correction,
        progress=progress,
    )
    result = dataclasses.replace(result, notes=[*source.notes, *result.notes])
    if len(present) == len(card.pathways):
        return result
    return _with_zeros(result, source, card)


def preprocess_inputs(
    sources: Sequence[ExaminationInput], card: ModelCard, *, progress: Progress | None = None
) -> list[Preprocessed]:
    """The same for several examinations at once, since registration and bias correction leave cores idle.

    Raises:
        InputError: a volume of any of them cannot be used.
    """
    if len(sources) == 1:
        return [preprocess_input(sources[0], card, progress=within(progress, sources[0].name))]
    steps = [
        lambda report, source=source: preprocess_input(
            source, card, progress=part(report, 0, 1, "Preprocessing")
        )
        for source in sources
    ]
    return side_by_side(steps, within(progress, "both"))


def _channels_of(source: ExaminationInput, sequence: str) -> list[sitk.Image]:
    given = read_sequence(source.files.sequences[sequence], f"{source.name} {sequence}")
    return [given[number - 1] for number in source.volumes[sequence]]


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
        kept_from=source.options.kept_from,
        middle_first=True,
    )
