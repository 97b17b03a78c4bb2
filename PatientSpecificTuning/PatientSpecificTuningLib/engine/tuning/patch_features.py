"""Features of the planned patches of a slice: computed as the patch is met, or once and kept for later."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..files.arrays import open_array
from ..files.atomic import make_folder
from ..network.features import FeatureStore
from ..network.features import compute_features
from ..network.frozen_trunk import FrozenTrunk
from ..network.network import DualPathwayNetwork
from ..network.patches import cut_patch
from ..progress import Progress
from ..progress import part
from .plan import PlannedPatch
from .plan import TuningSettings
from .plan import slice_patches

CountedPixels = Callable[[PlannedPatch], NDArray[np.bool_]]


class PatchFeatures(Protocol):
    """Gives features of pixels of planned patches."""

    def rows(self, patch: PlannedPatch, pixels: NDArray[np.intp]) -> Tensor:
        """Features of some of the counted pixels of a patch, (pixels, feature maps)."""
        ...


class FreshPatches:
    """Runs the trunk on every patch when it is met."""

    def __init__(self, trunk: FrozenTrunk, images: NDArray[np.float32], counted: CountedPixels) -> None:
        self._trunk = trunk
        self._images = images
        self._counted = counted

    def rows(self, patch: PlannedPatch, pixels: NDArray[np.intp]) -> Tensor:
        """Features of some of the counted pixels of a patch."""
        cut = cut_patch(self._images[:, patch.position], patch.window, degrees=patch.degrees)
        return self._trunk.rows(cut, self._counted(patch))[pixels]


class PooledPatches:
    """Reads what `pool_patches` has stored."""

    def __init__(self, stores: dict[int, FeatureStore]) -> None:
        self._stores = stores
        self._firsts = {position: _first_rows(store) for position, store in stores.items()}

    def rows(self, patch: PlannedPatch, pixels: NDArray[np.intp]) -> Tensor:
        """Features of some of the counted pixels of a patch."""
        return self._stores[patch.position].picked(self._firsts[patch.position][patch.number] + pixels)


def counted_pixels(organ_mask: NDArray[np.bool_], settings: TuningSettings) -> CountedPixels:
    """Which pixels of a patch, bool (size, size), count in the loss; the nearest voxel says whether it is organ."""

    def counted(patch: PlannedPatch) -> NDArray[np.bool_]:
        organ = cut_patch(organ_mask[patch.position], patch.window, degrees=patch.degrees, order=0) > 0.5
        return organ if settings.loss_area == "organ" else np.ones_like(organ)

    return counted


def pool_patches(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    slices: Sequence[int],
    count: int,
    settings: TuningSettings,
    folder: Path,
    *,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PooledPatches:
    """Features of the first `count` patches of every slice, kept in `folder`; what is there is not computed again.

    Args:
        images: float32 (channels, Z, Y, X).
        organ_mask: bool (Z, Y, X).
        folder: one file for each slice, rotation and seed; must belong to these images and this network.

    Raises:
        InputError: a slice shows no organ, or the disk is full.
        Cancelled: `cancelled` said so.
    """
    counted = counted_pixels(organ_mask, settings)
    make_folder(folder)
    stores = {}
    for done, position in enumerate(slices):
        patches = slice_patches(organ_mask, position, count, settings)
        masks = np.stack([counted(patch) for patch in patches])
        path = folder / _file_name(position, settings)
        stores[position] = _stored(path, masks, network.card.feature_maps) or compute_features(
            network,
            np.stack([_cut(images, patch) for patch in patches], axis=1),
            masks,
            path,
            precision=precision,
            device=device,
            progress=part(progress, done / len(slices), (done + 1) / len(slices), "Looking at patches"),
            cancelled=cancelled,
        )
    return PooledPatches(stores)


def forget_patches(folder: Path, *, besides: Sequence[int]) -> None:
    """Remove what is kept of other slices; it takes a few hundred megabytes for each."""
    for path in folder.glob("slice*.npy"):
        if not path.name.startswith(tuple(_slice_name(position) for position in besides)):
            # Another process may have it open; then it stays until the next time.
            with suppress(OSError):
                path.unlink()


def _slice_name(position: int) -> str:
    return f"slice{position:04d}-"


def _cut(images: NDArray[np.float32], patch: PlannedPatch) -> NDArray[np.float32]:
    return cut_patch(images[:, patch.position], patch.window, degrees=patch.degrees)


def _file_name(position: int, settings: TuningSettings) -> str:
    turned = f"{settings.rotation_degrees:g}degrees-{settings.patch_size}pixels-{settings.loss_area}"
    return f"{_slice_name(position)}{turned}-seed{settings.seed}.npy"


def _stored(path: Path, masks: NDArray[np.bool_], maps: int) -> FeatureStore | None:
    """What is kept already, where it has these patches; it may have more."""
    try:
        words = open_array(path, dtypes=(np.uint16, np.float32), dimensions=2)
    except (OSError, ValueError):
        return None
    needed = int(np.count_nonzero(masks))
    fits = len(words) >= needed and words.shape[1] == maps
    return FeatureStore(masks, words[:needed]) if fits else None


def _first_rows(store: FeatureStore) -> NDArray[np.intp]:
    counts = np.count_nonzero(store.organ_mask, axis=(1, 2))
    return np.cumsum(counts) - counts
