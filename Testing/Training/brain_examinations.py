"""The annotated and synthesised brain examinations that the shipped model learned from."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.images.bias_field import correct_bias_field
from PatientSpecificTuningLib.engine.images.normalization import normalized
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import LesionAppearance
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import paste_lesions
from PatientSpecificTuningLib.engine.training.patch_sampler import TrainingExamination
from scipy import ndimage

SPACING = (0.958, 0.958, 3.0)
# Patients that are judged must not give their lesion shapes to the weights that judge them.
NEVER_DONORS = ("07", "19", "26")
DONORS = 24
PASTED_PER_BACKGROUND = {"l04": 16, "l20": 8, "cs07": 8, "P18": 8}


@dataclass(frozen=True)
class Source:
    """Files of one examination below the data folder; `lesions` is empty where the scan has next to none."""

    name: str
    folder: str
    flair: str = "FLAIR.nii.gz"
    t1: str = "T1.nii.gz"
    lesions: str = "lesion_mask.nii.gz"


SOURCES = (
    Source("cs07", "open_ms_cross_sectional/patient07/axial3mm"),
    Source("cs19", "open_ms_cross_sectional/patient19/axial3mm"),
    Source("cs26", "open_ms_cross_sectional/patient26/axial3mm"),
    Source("P18", "mslesseg/P18/timepoint1/axial3mm"),
    Source("P39", "mslesseg/P39/timepoint1/axial3mm"),
    Source("l04", "open_ms_longitudinal/patient04", "baseline_FLAIR.nii.gz", "baseline_T1.nii.gz", ""),
    Source("l20", "open_ms_longitudinal/patient20", "followup_FLAIR.nii.gz", "followup_T1.nii.gz", ""),
)


@dataclass(frozen=True)
class Corrected:
    """A bias-corrected, not yet normalised pair of scans with organ mask and lesions, arrays (Z, Y, X)."""

    name: str
    flair: NDArray[np.float32]
    t1: NDArray[np.float32]
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]

    def training_examination(self, card: ModelCard, weight: float = 1.0) -> TrainingExamination:
        """Normalise as preparation does for this model, with half-precision images to save memory."""
        images = np.stack(
            [normalized(volume, self.organ, card.normalization) for volume in (self.flair, self.t1)]
        )
        return TrainingExamination(
            self.name, images.astype(np.float16), self.organ, self.lesions & self.organ, weight
        )


def read_corrected(source: Source, data: Path) -> Corrected:
    """Read one examination and correct its bias field."""
    folder = data / source.folder
    mask = read_labelmap(folder / "brain_mask.nii.gz", f"{source.name} brain mask")
    volumes = []
    for file in (source.flair, source.t1):
        image = correct_bias_field(read_volume(folder / file, f"{source.name} {file}"), mask)
        volumes.append(sitk.GetArrayFromImage(image).astype(np.float32))
    organ = sitk.GetArrayFromImage(mask) > 0
    lesions = np.zeros_like(organ)
    if source.lesions:
        image = read_labelmap(folder / source.lesions, f"{source.name} lesions")
        lesions = sitk.GetArrayFromImage(image) > 0
    return Corrected(source.name, volumes[0], volumes[1], organ, lesions)


@dataclass(frozen=True)
class Donor:
    """Lesion and brain mask of another patient, whose lesion shapes are pasted, arrays (Z, Y, X) in LPS."""

    lesions: NDArray[np.bool_]
    brain: NDArray[np.bool_]


def read_donors(data: Path) -> list[Donor]:
    """The patients with the largest lesion loads, judged patients left out."""
    donors = []
    for lesion_file in sorted((data / "ms_label_maps" / "consensus30").glob("patient*_lesion.nii.gz")):
        if lesion_file.name[7:9] in NEVER_DONORS:
            continue
        brain_file = lesion_file.with_name(lesion_file.name.replace("lesion", "brain"))
        parts = [
            sitk.GetArrayFromImage(sitk.DICOMOrient(read_labelmap(file, file.name), "LPS")) > 0
            for file in (lesion_file, brain_file)
        ]
        donors.append(Donor(*parts))
    return sorted(donors, key=lambda donor: -donor.lesions.sum())[:DONORS]


def pasted(background: Corrected, donors: list[Donor], first: int) -> Iterator[Corrected]:
    """The background with lesions of several donors, each with an appearance of its own."""
    rng = np.random.default_rng([first, background.organ.sum()])
    white_matter = _white_matter(background)
    flair = (background.flair / np.median(background.flair[white_matter])).astype(np.float32)
    t1 = (background.t1 / np.median(background.t1[white_matter])).astype(np.float32)
    for i in range(PASTED_PER_BACKGROUND[background.name]):
        occupancy = _occupancy(donors[(first + i) * 5 % len(donors)], background.organ, rng)
        appearance = LesionAppearance.random(rng)
        new_flair, new_t1, labels = paste_lesions(flair, t1, occupancy, SPACING, appearance, rng)
        name = f"{background.name} pasted {i}"
        yield Corrected(name, new_flair, new_t1, background.organ, labels | background.lesions)


def _white_matter(scan: Corrected) -> NDArray[np.bool_]:
    low, high = np.percentile(scan.t1[scan.organ], (70, 97))
    return scan.organ & (scan.t1 > low) & (scan.t1 < high)


def _occupancy(donor: Donor, organ: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """The donor's lesions brought by brain bounding box into `organ`, 0 to 1, mirrored in half of the cases."""
    flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
    lesions, brain = donor.lesions[..., flip], donor.brain[..., flip]
    (source_first, source_last), (first, last) = _box(brain), _box(organ)
    jitter = rng.uniform(0.93, 1.07, 3)
    scale = (source_last - source_first) / (last - first) * jitter
    offset = source_first - first * scale + (source_last - source_first) * (1 - jitter) / 2
    smooth = ndimage.gaussian_filter(lesions.astype(np.float32), np.maximum(scale / 2, 0.3) * 0.6)
    mapped = ndimage.affine_transform(smooth, scale, offset=offset, output_shape=organ.shape, order=1)
    return np.clip(mapped * organ * rng.uniform(1.0, 1.5), 0, 1).astype(np.float32)


def _box(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    inside = np.argwhere(mask)
    return inside.min(axis=0), inside.max(axis=0) + 1


def read_scans(data: Path, hold_out: Iterable[str]) -> tuple[list[Corrected], list[Corrected]]:
    """All examinations but those held out: the real ones, and those with pasted lesions."""
    left = set(hold_out)
    scans = {source.name: read_corrected(source, data) for source in SOURCES if source.name not in left}
    donors = read_donors(data)
    synthetic = [
        scan
        for first, background in enumerate(PASTED_PER_BACKGROUND)
        if background in scans
        for scan in pasted(scans[background], donors, first * 16)
    ]
    return list(scans.values()), synthetic
