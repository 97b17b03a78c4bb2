"""Tiny patients and models as files on disk, for tests that go through the case folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from builders import blob_examination
from builders import tiny_card
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.model.card import ModelCard

SPACING = (0.958, 0.958, 3.0)


def write_image(path: Path, array: NDArray[np.generic], spacing: tuple[float, ...] = SPACING) -> Path:
    """Write an array (Z, Y, X), or (T, Z, Y, X) for a series, as an image with identity directions."""
    image = sitk.GetImageFromArray(array, isVector=False)
    image.SetSpacing(spacing)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


TINY_SHAPE = (4, 48, 44)


def write_examination(
    folder: Path, prefix: str, *, seed: int, shape: tuple[int, int, int] = TINY_SHAPE
) -> None:
    """FLAIR, T1, brain mask and lesion mask of one examination (Z, Y, X) with bright lesions, tiny by default."""
    images, organ, lesions = blob_examination(shape=shape, seed=seed)
    for name, channel in zip(("FLAIR", "T1"), images, strict=True):
        write_image(folder / f"{prefix}_{name}.nii.gz", ((channel + 5) * 100 * organ).astype(np.float32))
    write_image(folder / f"{prefix}_brain_mask.nii.gz", organ.astype(np.uint8))
    write_image(folder / f"{prefix}_lesion_mask.nii.gz", lesions.astype(np.uint8))


def write_patient(folder: Path, *, seed: int = 1, shape: tuple[int, int, int] = TINY_SHAPE) -> Path:
    """A patient with baseline and follow-up in one folder, tiny by default."""
    write_examination(folder, "baseline", seed=seed, shape=shape)
    write_examination(folder, "followup", seed=seed + 1, shape=shape)
    return folder


B_VALUES = (10, 150, 1000)
_PHASES = (0.0, 0.5, 1.0, 0.7)


def write_liver_examination(folder: Path, prefix: str, *, seed: int) -> None:
    """One tiny examination of a liver: phases in one 4D file, one file for each b-value, liver mask and lesions."""
    images, organ, lesions = blob_examination(seed=seed, channels=len(_PHASES) + len(B_VALUES))
    phases = [(5 + 3 * a * organ - 2 * a * lesions + i) * 100 for a, i in zip(_PHASES, images, strict=False)]
    write_image(folder / f"{prefix}_DCE.nii.gz", np.stack(phases).astype(np.float32), (*SPACING, 1.0))
    for b, noise in zip(B_VALUES, images[len(_PHASES) :], strict=True):
        decay = np.exp(-b * (0.0012 - 0.0006 * lesions))
        write_image(
            folder / f"{prefix}_DWI_b{b}.nii.gz", ((500 * decay + 20 * noise) * organ).astype(np.float32)
        )
    write_image(folder / f"{prefix}_liver_mask.nii.gz", organ.astype(np.uint8))
    write_image(folder / f"{prefix}_metastases.nii.gz", lesions.astype(np.uint8))


def write_liver_patient(folder: Path) -> Path:
    """A tiny patient with two examinations of the liver in one folder."""
    write_liver_examination(folder, "baseline", seed=1)
    write_liver_examination(folder, "followup", seed=2)
    return folder


def write_tiny_model(folder: Path, *, lesion_bias: float = 0.0, **changes: object) -> Path:
    """A model folder with random weights; a positive bias makes it find lesions everywhere."""
    card = tiny_card(**{"bias_correction": False, "missing_sequences": ("T1",), **changes})
    return write_model_of(card, folder, lesion_bias)


def write_model_of(card: ModelCard, folder: Path, lesion_bias: float = 0.0) -> Path:
    """A model folder for a card, with random weights."""
    import torch
    from PatientSpecificTuningLib.engine.network.model_folder import save_model
    from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork

    torch.manual_seed(0)
    network = DualPathwayNetwork(card)
    with torch.no_grad():
        network.head.output.bias[1] += lesion_bias
    save_model(folder, card, network)
    return folder
