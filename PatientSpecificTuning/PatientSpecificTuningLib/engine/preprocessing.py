"""From the images of one examination to normalised arrays on the working grid (paper, "Data")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .bias_field import bias_field
from .errors import InputError
from .geometry import Grid
from .geometry import check_geometry
from .geometry import resample
from .geometry import resample_labelmap
from .geometry import working_grid
from .model_card import ModelCard
from .model_card import Pathway
from .normalization import normalize
from .organ_mask import estimate_brain_mask
from .progress import Progress
from .progress import part
from .registration import align


@dataclass(frozen=True)
class Preprocessed:
    """One examination as the network sees it.

    Attributes:
        images: float32 (channels, Z, Y, X) on the working grid, z-scored in the organ, 0 outside.
        organ_mask: bool (Z, Y, X) on the working grid.
        working_grid: axial slices with the model's in-plane spacing.
        user_grid: the grid of the first sequence as given; results return to it.
        notes: sentences for the user.
    """

    images: NDArray[np.float32]
    organ_mask: NDArray[np.bool_]
    working_grid: Grid
    user_grid: Grid
    notes: list[str] = field(default_factory=list)


def preprocess_examination(
    name: str,
    sequences: Sequence[Sequence[sitk.Image]],
    organ_mask: sitk.Image | None,
    card: ModelCard,
    *,
    registration: str = "rigid",
    bias_correction: bool | None = None,
    progress: Progress | None = None,
) -> Preprocessed:
    """Align all sequences to the first, correct the bias field, normalise inside the organ mask.

    Voxels outside the organ mask become 0, so that skull-stripped and whole-head images look alike to the
    network.

    Args:
        name: what error messages call the examination, such as "baseline".
        sequences: float32 channel volumes of every pathway of the card, in its order.
        organ_mask: uint8 0/1 on any grid; None to estimate a brain mask.
        registration: "rigid", "bspline" or "none".
        bias_correction: N4 on or off, None as the card says.

    Raises:
        InputError: what is given does not fit the card, or cannot be brought together.
    """
    _check_channels(name, sequences, card)
    for volumes, pathway in zip(sequences, card.pathways, strict=True):
        for volume in volumes:
            check_geometry(volume, f"{name} {pathway.sequence}")
    reference = sequences[0][0]
    grid = working_grid(reference, card.spacing_in_plane_mm)
    notes: list[str] = []
    mask_image = _organ_mask(name, organ_mask, reference, grid, card, notes)
    mask = sitk.GetArrayFromImage(mask_image) > 0
    correct = card.bias_correction if bias_correction is None else bias_correction
    if not correct:
        notes.append(f"The bias field of the {name} was not corrected.")
    parts = []
    for done, (volumes, pathway) in enumerate(zip(sequences, card.pathways, strict=True)):
        what, stage = f"{name} {pathway.sequence}", f"Preprocessing {pathway.sequence}"
        first, middle, last = ((done + share) / len(sequences) for share in (0, 0.6, 1))
        if progress is not None:
            progress(stage, first)
        to_middle, to_last = part(progress, first, middle, stage), part(progress, middle, last, stage)
        aligned = _aligned(volumes, reference, grid, mask_image, registration, what, notes, to_middle)
        if correct:
            aligned = _bias_corrected(aligned, mask_image, to_last)
        parts.append(_normalized(aligned, mask, card, what))
    if progress is not None:
        progress("Preprocessing", 1.0)
    return Preprocessed(np.concatenate(parts), mask, grid, Grid.of(reference), notes)


def _check_channels(name: str, sequences: Sequence[Sequence[sitk.Image]], card: ModelCard) -> None:
    needs = ", ".join(_described(pathway) for pathway in card.pathways)
    if len(sequences) != len(card.pathways):
        message = (
            f"The {name} has {len(sequences)} sequence(s) but the model {card.name} needs {needs};"
            " give the images of every sequence."
        )
        raise InputError(message)
    for volumes, pathway in zip(sequences, card.pathways, strict=True):
        if len(volumes) != pathway.channels:
            message = (
                f"The {name} {pathway.sequence} has {len(volumes)} volume(s) but the model {card.name} needs"
                f" {needs}; give exactly these volumes in acquisition order."
            )
            raise InputError(message)


def _described(pathway: Pathway) -> str:
    return pathway.sequence if pathway.channels == 1 else f"{pathway.sequence} ({pathway.channels} volumes)"


def _organ_mask(
    name: str, given: sitk.Image | None, reference: sitk.Image, grid: Grid, card: ModelCard, notes: list[str]
) -> sitk.Image:
    if given is None:
        if card.organ != "brain":
            message = f"The {name} has no {card.organ} mask; give one, since it can only be estimated for the brain."
            raise InputError(message)
        notes.append(f"The brain mask of the {name} was estimated; look at it before you trust the result.")
        given = estimate_brain_mask(reference, name=f"{name} {card.pathways[0].sequence}")
    else:
        check_geometry(given, f"{name} organ mask")
    if not sitk.GetArrayViewFromImage(given).any():
        message = f"The organ mask of the {name} is empty; give a mask that covers the {card.organ}."
        raise InputError(message)
    mask = resample_labelmap(given, grid)
    kept = sitk.GetArrayViewFromImage(mask).sum() * grid.voxel_volume_mm3
    whole = sitk.GetArrayViewFromImage(given).sum() * Grid.of(given).voxel_volume_mm3
    if kept < 0.05 * whole:
        message = (
            f"The organ mask of the {name} does not overlap its images; check that both belong together."
        )
        raise InputError(message)
    if kept < 0.8 * whole:
        notes.append(f"Only {kept / whole:.0%} of the organ mask of the {name} lies inside the image.")
    return mask


def _aligned(
    volumes: Sequence[sitk.Image],
    reference: sitk.Image,
    grid: Grid,
    mask: sitk.Image,
    registration: str,
    what: str,
    notes: list[str],
    progress: Progress | None,
) -> list[sitk.Image]:
    """All channels of a sequence on the working grid, moved together by what aligns the first of them."""
    transform = sitk.Transform(3, sitk.sitkIdentity)
    if volumes[0] is not reference:
        compared = resample_labelmap(mask, Grid.of(reference))
        transform = align(
            volumes[0],
            reference,
            method=registration,
            fixed_mask=compared,
            name=f"{what} image",
            progress=progress,
        )
        if transform.GetTransformEnum() != sitk.sitkIdentity:
            notes.append(f"The {what} was registered to the first sequence.")
    return [resample(volume, grid, transform=transform) for volume in volumes]


def _bias_corrected(
    volumes: list[sitk.Image], mask: sitk.Image, progress: Progress | None
) -> list[sitk.Image]:
    """One field for all channels, found on their mean, so that the curve of every voxel keeps its shape."""
    positive = [sitk.Maximum(volume, 0.0) for volume in volumes]
    mean = sum(positive[1:], start=positive[0]) / len(positive)
    field_image = bias_field(mean, mask, progress=progress)
    return [volume / field_image for volume in positive]


def _normalized(
    volumes: list[sitk.Image], mask: NDArray[np.bool_], card: ModelCard, what: str
) -> NDArray[np.float32]:
    arrays = np.stack([sitk.GetArrayFromImage(volume) for volume in volumes])
    clip = card.normalization.clip_percentiles
    if card.normalization.shared_scale:
        return normalize(arrays, mask, clip, name=what)
    return np.stack([normalize(array, mask, clip, name=what) for array in arrays])
