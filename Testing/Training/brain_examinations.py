"""The annotated and synthesised brain examinations that the shipped model learned from."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.images.bias_field import correct_bias_field
from PatientSpecificTuningLib.engine.images.geometry import resample
from PatientSpecificTuningLib.engine.images.geometry import resample_labelmap
from PatientSpecificTuningLib.engine.images.geometry import working_grid
from PatientSpecificTuningLib.engine.images.normalization import normalized
from PatientSpecificTuningLib.engine.images.organ_mask import estimate_brain_mask
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import LesionAppearance
from PatientSpecificTuningLib.engine.phantoms.brain.lesion_synthesis import paste_lesions
from PatientSpecificTuningLib.engine.training.patch_sampler import TrainingExamination
from scipy import ndimage

# Of the background, in FLAIR: vessels, choroid plexus, rims of the ventricles, skull base.
BRIGHTEST_PERCENTILE = 98.5
SPACING = (0.958, 0.958, 3.0)
# Patients that are judged must not give their lesion shapes to the weights that judge them.
NEVER_DONORS = ("07", "19", "26")
DONORS = 24
PASTED_PER_BACKGROUND = {"l04": 16, "l20": 8, "cs07": 8, "P18": 8}


@dataclass(frozen=True)
class Source:
    """Files of one examination below the data folder; empty where there is none.

    Attributes:
        lesions: empty also where the scan has next to no lesion.
        organ: empty where the brain mask has to be estimated.
        normal: hyperintensities that are no lesions.
    """

    name: str
    folder: str
    flair: str = "FLAIR.nii.gz"
    t1: str = "T1.nii.gz"
    lesions: str = "lesion_mask.nii.gz"
    organ: str = "brain_mask.nii.gz"
    normal: str = ""


def _ms3seg(number: str, *, t1: bool = True, flair: str = "FLAIR.nii.gz", normal: bool = False) -> Source:
    return Source(
        f"ms{number}",
        f"ms3seg/case{number}",
        flair,
        t1="T1.nii.gz" if t1 else "",
        organ="brain_mask.nii.gz" if t1 else "",
        normal="normal_wmh_mask.nii.gz" if normal else "",
    )


SOURCES = (
    Source("cs07", "open_ms_cross_sectional/patient07/axial3mm"),
    Source("cs19", "open_ms_cross_sectional/patient19/axial3mm"),
    Source("cs26", "open_ms_cross_sectional/patient26/axial3mm"),
    Source("P18", "mslesseg/P18/timepoint1/axial3mm"),
    Source("P39", "mslesseg/P39/timepoint1/axial3mm"),
    Source("l04", "open_ms_longitudinal/patient04", "baseline_FLAIR.nii.gz", "baseline_T1.nii.gz", ""),
    Source("l20", "open_ms_longitudinal/patient20", "followup_FLAIR.nii.gz", "followup_T1.nii.gz", ""),
)
# The first recipe has not met these; 1.5 T and thick slices.
MS3SEG = (
    *(_ms3seg(number) for number in ("01", "05", "11", "12", "13", "14")),
    *(_ms3seg(number, t1=False, normal=True) for number in ("04", "07", "08", "10")),
    _ms3seg("03", t1=False, flair="FLAIR_normalised.nii.gz"),
)


@dataclass(frozen=True)
class Corrected:
    """A bias-corrected, not yet normalised pair of scans on the working grid, arrays (Z, Y, X).

    Attributes:
        t1: None where the examination has none.
        normal: bright background that an expert called normal.
        spacing: mm, (x, y, z).
    """

    name: str
    flair: NDArray[np.float32]
    t1: NDArray[np.float32] | None
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]
    normal: NDArray[np.bool_]
    spacing: tuple[float, float, float] = SPACING

    def training_examination(self, card: ModelCard, weight: float = 1.0) -> TrainingExamination:
        """Normalise as preparation does for this model, with half-precision images to save memory."""
        volumes = (self.flair, self.t1)
        images = np.stack(
            [
                np.zeros_like(self.flair)
                if volume is None
                else normalized(volume, self.organ, card.normalization)
                for volume in volumes
            ]
        ).astype(np.float16)
        lesions = self.lesions & self.organ
        return TrainingExamination(self.name, images, self.organ, lesions, weight, self._hard(images[0]))

    def _hard(self, flair: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Background that is easily taken for a lesion: the brightest of it, and what an expert called normal."""
        beside = ndimage.binary_dilation(self.lesions, structure=np.ones((1, 5, 5), dtype=bool))
        background = self.organ & ~beside
        if not background.any():
            return background
        bright = background & (flair >= np.percentile(flair[background], BRIGHTEST_PERCENTILE))
        return bright | (self.normal & self.organ & ~self.lesions)


def read_corrected(source: Source, data: Path, cache: Path | None = None) -> Corrected:
    """Read one examination, bring it to the working grid and correct its bias field.

    Args:
        cache: folder where what was read is kept for the next time.
    """
    if cache is None:
        return _read(source, data)
    file = cache / f"{source.name}.npz"
    if file.is_file():
        with np.load(file) as kept:
            if kept["source"] == repr(source):
                t1 = kept.get("t1")
                arrays = (kept[name] for name in ("organ", "lesions", "normal"))
                return Corrected(source.name, kept["flair"], t1, *arrays, tuple(kept["spacing"].tolist()))
    scan = _read(source, data)
    values = {name: value for name, value in vars(scan).items() if value is not None and name != "name"}
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part.npz")
    np.savez(unfinished, source=repr(source), **values)
    unfinished.replace(file)
    return scan


def _read(source: Source, data: Path) -> Corrected:
    folder = data / source.folder
    flair = read_volume(folder / source.flair, f"{source.name} FLAIR")
    grid = working_grid(flair, ModelCard().spacing_in_plane_mm)

    def labels(file: str) -> NDArray[np.bool_]:
        if not file:
            return np.zeros(grid.size[::-1], dtype=bool)
        mask = read_labelmap(folder / file, f"{source.name} {file}")
        return sitk.GetArrayFromImage(resample_labelmap(mask, grid)) > 0

    if source.organ:
        given = read_labelmap(folder / source.organ, f"{source.name} brain mask")
    else:
        given = estimate_brain_mask(flair, name=source.name)
    mask = resample_labelmap(given, grid)

    def corrected(image: sitk.Image) -> NDArray[np.float32]:
        return sitk.GetArrayFromImage(correct_bias_field(resample(image, grid), mask)).astype(np.float32)

    return Corrected(
        source.name,
        corrected(flair),
        corrected(read_volume(folder / source.t1, f"{source.name} T1")) if source.t1 else None,
        sitk.GetArrayFromImage(mask) > 0,
        labels(source.lesions),
        labels(source.normal),
        grid.spacing,
    )


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


def pasted(
    background: Corrected, donors: list[Donor], first: int, count: int | None = None
) -> Iterator[Corrected]:
    """The background with lesions of several donors, each with an appearance of its own.

    Raises:
        ValueError: the background has no T1.
    """
    if background.t1 is None:
        message = f"{background.name} has no T1 to paste lesions on."
        raise ValueError(message)
    rng = np.random.default_rng([first, background.organ.sum()])
    white_matter = _white_matter(background.t1, background.organ)
    flair = (background.flair / np.median(background.flair[white_matter])).astype(np.float32)
    t1 = (background.t1 / np.median(background.t1[white_matter])).astype(np.float32)
    for i in range(PASTED_PER_BACKGROUND[background.name] if count is None else count):
        occupancy = _occupancy(donors[(first + i) * 5 % len(donors)], background.organ, rng)
        appearance = LesionAppearance.random(rng)
        new_flair, new_t1, labels = paste_lesions(flair, t1, occupancy, SPACING, appearance, rng)
        name = f"{background.name} pasted {i}"
        yield replace(background, name=name, flair=new_flair, t1=new_t1, lesions=labels | background.lesions)


def _white_matter(t1: NDArray[np.float32], organ: NDArray[np.bool_]) -> NDArray[np.bool_]:
    low, high = np.percentile(t1[organ], (70, 97))
    return organ & (t1 > low) & (t1 < high)


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
