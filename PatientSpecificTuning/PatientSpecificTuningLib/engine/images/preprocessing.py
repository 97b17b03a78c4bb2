"""From the images of one examination to normalised arrays on the working grid (paper, "Data")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from ..model.card import ModelCard
from ..model.card import Pathway
from ..progress import Progress
from ..progress import part
from .bias_field import bias_field
from .channels import described
from .geometry import Grid
from .geometry import check_geometry
from .geometry import resample
from .geometry import resample_labelmap
from .geometry import working_grid
from .motion_correction import correct_motion
from .motion_correction import corrected_sequences
from .normalization import normalized
from .organ_mask import estimate_brain
from .registration import align

GRID_TOLERANCE_MM = 0.1


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
    registration: str | None = None,
    motion_correction: str | None = None,
    bias_correction: bool | None = None,
    progress: Progress | None = None,
) -> Preprocessed:
    """Correct motion, align all sequences to the first, correct the bias field, normalise inside the organ mask.

    What aligns a sequence is found on its key channel and moves all of its channels alike.

    Voxels outside the organ mask become 0, so that skull-stripped and whole-head images look alike to the
    network.

    Args:
        name: what error messages call the examination, such as "baseline".
        sequences: float32 channel volumes of every pathway of the card, in its order.
        organ_mask: uint8 0/1 on any grid; None to estimate a brain mask.
        registration: "rigid", "bspline" or "none", None as the card says.
        motion_correction: "groupwise" for the first sequence or "none", None as the card says.
        bias_correction: N4 on or off, None as the card says.

    Raises:
        InputError: what is given does not fit the card, or cannot be brought together.
    """
    _check_channels(name, sequences, card)
    reference = sequences[0][0]
    grid = working_grid(reference, card.spacing_in_plane_mm)
    notes: list[str] = []
    mask_image = _organ_mask(name, organ_mask, reference, grid, card, notes)
    mask = sitk.GetArrayFromImage(mask_image) > 0
    correct = card.bias_correction if bias_correction is None else bias_correction
    if not correct:
        notes.append(f"The bias field of the {name} was not corrected.")
    corrected = corrected_sequences(card, motion_correction)
    before, after = (part(progress, *ends) for ends in ((0.0, 0.5), (0.5 if corrected else 0.0, 1.0)))
    sequences = [
        _motion_corrected(volumes, pathway, f"{name} {pathway.sequence}", mask_image, notes, before)
        if pathway.sequence in corrected
        else volumes
        for volumes, pathway in zip(sequences, card.pathways, strict=True)
    ]
    fixed = sequences[0][card.pathways[0].key_index]
    parts: list[NDArray[np.float32]] = []
    # Nothing is brought onto itself, so the first sequence takes less.
    shares = [(0.0 if done == 0 else 0.6, 0.4) for done in range(len(sequences))]
    whole, last = sum(map(sum, shares)), 0.0
    for (aligning, correcting), volumes, pathway in zip(shares, sequences, card.pathways, strict=True):
        what, stage = f"{name} {pathway.sequence}", f"Preprocessing {pathway.sequence}"
        first, middle = last, last + aligning / whole
        last = middle + correcting / whole
        if after is not None:
            after(stage, first)
        to_middle, to_last = part(after, first, middle, stage), part(after, middle, last, stage)
        moving, method = volumes[pathway.key_index], registration or card.registration
        transform = _alignment(moving, fixed, mask_image, method, what, notes, to_middle)
        aligned = [resample(volume, grid, transform=transform) for volume in volumes]
        if correct:
            aligned = _bias_corrected(aligned, mask_image, to_last)
        parts.append(_normalized(aligned, mask, card, what))
    if progress is not None:
        progress("Preprocessing", 1.0)
    return Preprocessed(np.concatenate(parts), mask, grid, Grid.of(reference), notes)


def _check_channels(name: str, sequences: Sequence[Sequence[sitk.Image]], card: ModelCard) -> None:
    needs = ", ".join(described(pathway) for pathway in card.pathways)
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
        _check_grids(f"{name} {pathway.sequence}", volumes)


def _check_grids(what: str, volumes: Sequence[sitk.Image]) -> None:
    """The volumes of one sequence are one measurement: a voxel must be the same place in all of them."""
    for volume in volumes:
        check_geometry(volume, what)
    first = Grid.of(volumes[0])
    for number, volume in enumerate(volumes[1:], start=2):
        if not first.same_as(Grid.of(volume), tolerance=GRID_TOLERANCE_MM):
            sizes = [" x ".join(map(str, image.GetSize())) for image in (volumes[0], volume)]
            message = (
                f"Volume {number} of the {what} ({sizes[1]}) lies on another grid than volume 1 ({sizes[0]}); check"
                " that all belong to one series, or resample them onto one grid."
            )
            raise InputError(message)


def require_organ_mask(name: str, given: object | None, card: ModelCard) -> None:
    """Make sure that there is an organ mask, or a brain, whose mask can be estimated.

    Raises:
        InputError: no mask is given for another organ.
    """
    if given is None and card.organ != "brain":
        message = (
            f"The {name} has no {card.organ} mask; give one, since it can only be estimated for the brain."
        )
        raise InputError(message)


def _organ_mask(
    name: str, given: sitk.Image | None, reference: sitk.Image, grid: Grid, card: ModelCard, notes: list[str]
) -> sitk.Image:
    require_organ_mask(name, given, card)
    if given is None:
        estimate = estimate_brain(reference, name=f"{name} {card.pathways[0].sequence}")
        by = f" by {estimate.package}" if estimate.package else ""
        notes.append(
            f"The brain mask of the {name} was estimated{by}; look at it before you trust the result."
        )
        given = estimate.mask
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


def _motion_corrected(
    volumes: Sequence[sitk.Image],
    pathway: Pathway,
    what: str,
    mask: sitk.Image,
    notes: list[str],
    progress: Progress | None,
) -> Sequence[sitk.Image]:
    stage = f"Correcting the motion of the {pathway.sequence}"
    if progress is not None:
        progress(stage, 0.0)
    corrected, motion = correct_motion(volumes, mask, key=pathway.key_index, name=what)
    if progress is not None:
        progress(stage, 1.0)
    notes.append(
        f"The volumes of the {what} were brought into one position; one had moved by {motion:.1f} mm."
        if motion
        else f"The volumes of the {what} lie still, so their motion was not corrected."
    )
    return corrected


def _alignment(
    moving: sitk.Image,
    fixed: sitk.Image,
    mask: sitk.Image,
    method: str,
    what: str,
    notes: list[str],
    progress: Progress | None,
) -> sitk.Transform:
    """What brings a sequence, by its key channel, onto the key channel of the first one."""
    if moving is fixed:
        return sitk.Transform(3, sitk.sitkIdentity)
    compared = resample_labelmap(mask, Grid.of(fixed))
    transform = align(
        moving, fixed, method=method, fixed_mask=compared, name=f"{what} image", progress=progress
    )
    if transform.GetTransformEnum() != sitk.sitkIdentity:
        notes.append(f"The {what} was registered to the first sequence.")
    return transform


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
    how = card.normalization
    if how.shared_scale:
        return normalized(arrays, mask, how, name=what)
    return np.stack([normalized(array, mask, how, name=what) for array in arrays])
