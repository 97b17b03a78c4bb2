"""Tiny patients and models as files on disk, for tests that go through the case folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from builders import blob_examination
from builders import tiny_card
from numpy.typing import NDArray

SPACING = (0.958, 0.958, 3.0)


def write_image(path: Path, array: NDArray[np.generic], spacing: tuple[float, ...] = SPACING) -> Path:
    """Write an array (Z, Y, X) as an image with identity directions."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


def write_examination(folder: Path, prefix: str, *, seed: int) -> None:
    """FLAIR, T1, brain mask and lesion mask of one tiny examination with bright lesions."""
    images, organ, lesions = blob_examination(seed=seed)
    for name, channel in zip(("FLAIR", "T1"), images, strict=True):
        write_image(folder / f"{prefix}_{name}.nii.gz", ((channel + 5) * 100 * organ).astype(np.float32))
    write_image(folder / f"{prefix}_brain_mask.nii.gz", organ.astype(np.uint8))
    write_image(folder / f"{prefix}_lesion_mask.nii.gz", lesions.astype(np.uint8))


def write_patient(folder: Path) -> Path:
    """A tiny patient with baseline and follow-up in one folder."""
    write_examination(folder, "baseline", seed=1)
    write_examination(folder, "followup", seed=2)
    return folder


def write_tiny_model(folder: Path, *, lesion_bias: float = 0.0, **changes: object) -> Path:
    """A model folder with random weights; a positive bias makes it find lesions everywhere."""
    import torch
    from PatientSpecificTuningLib.engine.model_folder import save_model
    from PatientSpecificTuningLib.engine.network import DualPathwayNetwork

    torch.manual_seed(0)
    card = tiny_card(bias_correction=False, missing_sequences=("T1",), **changes)
    network = DualPathwayNetwork(card)
    with torch.no_grad():
        network.head.output.bias[1] += lesion_bias
    save_model(folder, card, network)
    return folder
