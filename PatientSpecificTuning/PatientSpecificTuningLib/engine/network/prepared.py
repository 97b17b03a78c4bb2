"""The prepared arrays of one examination in a case folder: written once, opened by every later step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case.case import Case
from ..case.examination_record import ExaminationRecord
from ..errors import InputError
from ..files.arrays import open_array
from ..files.arrays import write_array
from ..images.geometry import Grid
from ..images.preprocessing import Preprocessed
from ..images.volumes import read_labelmap
from ..images.volumes import write_volume
from ..progress import Progress
from ..progress import Seen
from .device import on_best_device

if TYPE_CHECKING:
    from .features import FeatureStore
    from .network import DualPathwayNetwork

IMAGES, ORGAN_MASK, FEATURES, BASE_PROBABILITY = (
    "images.npy",
    "organ_mask.nii.gz",
    "features.npy",
    "base_probability.npy",
)

SeenExamination = Callable[[str, Grid], Seen]
"""Called with the name and the working grid of an examination; gives what is told of its slices."""


@dataclass(frozen=True)
class PreparedExamination:
    """One prepared examination, opened from its case.

    Attributes:
        images: float32 (channels, Z, Y, X), normalised, 0 outside the organ, memory-mapped.
        organ_mask: bool (Z, Y, X).
        base_probability: lesion softmax of the base CNN, float32 (Z, Y, X).
    """

    name: str
    folder: Path
    record: ExaminationRecord
    images: NDArray[np.float32]
    organ_mask: NDArray[np.bool_]
    base_probability: NDArray[np.float32]

    def features(self) -> FeatureStore:
        """The stored features of the organ voxels where a lesion is possible."""
        from .features import middle_first
        from .features import open_features

        kept = self.organ_mask & (self.base_probability >= self.record.kept_from)
        order = middle_first(len(kept)) if self.record.middle_first else None
        return open_features(self.folder / FEATURES, kept, order)


def write_examination(
    folder: Path,
    prepared: Preprocessed,
    network: DualPathwayNetwork,
    kept_from: float,
    *,
    seen: Seen | None = None,
    progress: Progress | None = None,
) -> None:
    """Write images, organ mask, features and base-model probability; each file complete or not at all.

    Args:
        kept_from: features are kept where the base softmax is at least this.
        seen: told what the base CNN finds on each slice as soon as it is known, the middle ones first.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    from .features import middle_first
    from .prediction import compute_with_probability

    write_array(folder / IMAGES, prepared.images.astype(np.float32, copy=False))
    write_volume(prepared.working_grid.image(prepared.organ_mask.astype(np.uint8)), folder / ORGAN_MASK)

    def run(device: str) -> NDArray[np.float32]:
        scan = prepared.images, prepared.organ_mask
        return compute_with_probability(
            network,
            *scan,
            folder / FEATURES,
            kept_from=kept_from,
            device=device,
            order=middle_first(len(prepared.organ_mask)),
            seen=seen,
            progress=progress,
        )

    write_array(folder / BASE_PROBABILITY, on_best_device(run))


def open_examination(case: Case, name: str) -> PreparedExamination:
    """Open a prepared examination.

    Raises:
        InputError: it is not prepared, or its files are missing or damaged.
    """
    record = case.record(name)
    folder = case.examination_folder(name)
    organ = sitk.GetArrayFromImage(read_labelmap(folder / ORGAN_MASK, f"{name} organ mask")) > 0
    images = _open_array(folder / IMAGES, 4)
    probability = _open_array(folder / BASE_PROBABILITY, 3)
    shapes = {images.shape[1:], organ.shape, probability.shape, record.working_grid.shape}
    if len(shapes) > 1:
        message = f"The prepared {name} in {folder} is damaged, its arrays differ in size; prepare a new case folder."
        raise InputError(message)
    return PreparedExamination(name, folder, record, images, organ, probability)


def _open_array(path: Path, dimensions: int) -> NDArray[np.float32]:
    try:
        array = open_array(path, dtypes=(np.float32,), dimensions=dimensions)
        if not np.isfinite(array).all():
            message = "NaN or infinite values"
            raise ValueError(message)
        return array
    except (OSError, ValueError) as error:
        message = f"{path} is missing or damaged; prepare a new case folder."
        raise InputError(message) from error
