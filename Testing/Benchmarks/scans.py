"""The scans of the benchmark: the phantom of the sample case at the paper's 3 mm and at 1 mm isotropic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.cohort.sample_cases import sample_folder
from PatientSpecificTuningLib.engine.images.normalization import normalized
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork

SIDE, SLICES = 240, 48
LABELS = ("brain_mask", "lesions")
SPACINGS = {"3 mm": None, "1 mm": 1.0}


@dataclass(frozen=True)
class Scan:
    """Network, card and one examination: images (channels, Z, Y, X), organ mask and lesions (Z, Y, X)."""

    card: ModelCard
    network: DualPathwayNetwork
    images: NDArray[np.float32]
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]

    @property
    def tuned_slices(self) -> list[int]:
        """The two slices with most lesion voxels."""
        return sorted(np.argsort(self.lesions.sum(axis=(1, 2)))[-2:].tolist())

    @property
    def lesion_slices(self) -> list[int]:
        """Every slice with a lesion."""
        return np.flatnonzero((self.lesions & self.organ).any(axis=(1, 2))).tolist()


def sample_image(name: str, resolution: str) -> sitk.Image:
    """An image of the sample case, centred on 240 x 240 x 48 voxels, or on as many of 1 mm as lie in there."""
    image = sitk.ReadImage(str(sample_folder("brain") / f"{name}.nii.gz"))
    wanted = np.array([SIDE, SIDE, SLICES])
    missing = wanted - image.GetSize()
    below = np.maximum(missing, 0) // 2
    image = sitk.ConstantPad(image, below.tolist(), (np.maximum(missing, 0) - below).tolist())
    start = (np.maximum(-missing, 0) // 2).tolist()
    image = sitk.RegionOfInterest(image, wanted.tolist(), start)
    spacing = SPACINGS[resolution]
    if spacing is None:
        return image
    size = [int(n * old / spacing) for n, old in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    how = sitk.sitkNearestNeighbor if name.endswith(LABELS) else sitk.sitkLinear
    grid = (image.GetOrigin(), [spacing] * 3, image.GetDirection())
    return sitk.Resample(image, size, sitk.Transform(), how, *grid, 0, image.GetPixelID())


def baseline_scan(resolution: str = "3 mm") -> Scan:
    """The baseline of the sample case as the network sees it."""
    card, network = load_model(choose_model(None))
    arrays = {
        name: sitk.GetArrayFromImage(sample_image(f"baseline_{name}", resolution))
        for name in ("FLAIR", "T1", *LABELS)
    }
    organ, lesions = arrays["brain_mask"] > 0, arrays["lesions"] > 0
    images = np.concatenate(
        [normalized(arrays[p.sequence][None], organ, card.normalization) for p in card.pathways]
    )
    return Scan(card, network, images, organ, lesions)
