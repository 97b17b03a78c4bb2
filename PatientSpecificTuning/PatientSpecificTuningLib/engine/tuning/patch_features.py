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

from ..errors import InputError
from ..files.arrays import open_array
from ..files.arrays import write_array
from ..files.atomic import make_folder
from ..network.feature_words import KINDS
from ..network.features import FeatureStore
from ..network.features import compute_features
from ..network.features import rows_in_file
from ..network.frozen_trunk import FrozenTrunk
from ..network.network import DualPathwayNetwork
from ..network.patches import cut_patch
from ..progress import Progress
from ..progress import part
from .plan import PlannedPatch
from .plan import TuningSettings
from .plan import slice_patches

# What patches may take before they are shortened.
LARGEST_BYTES = 400 * 2**20

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

    def rows(self, patch: PlannedPatch, pixels: NDArray[np.intp]) -> Tensor:
        """Features of some of the counted pixels of a patch."""
        store = self._stores[patch.position]
        return store.picked(store.slice_range(patch.number)[0] + pixels)


def counted_pixels(organ_mask: NDArray[np.bool_], settings: TuningSettings) -> CountedPixels:
    """Which pixels of a patch, bool (size, size), count in the loss; the nearest voxel says whether it is organ.

    Of pooled patches only some are kept: since they are drawn alike from all, the expected loss is that of all.
    """

    def counted(patch: PlannedPatch) -> NDArray[np.bool_]:
        organ = cut_patch(organ_mask[patch.position], patch.window, degrees=patch.degrees, order=0) > 0.5
        pixels = organ if settings.loss_area == "organ" else np.ones_like(organ)
        if settings.patch_pool is None or settings.pixels_per_patch is None:
            return pixels
        return _drawn(pixels, settings.pixels_per_patch, [settings.seed, patch.position, patch.number])

    return counted


def _drawn(pixels: NDArray[np.bool_], count: int, seed: Sequence[int]) -> NDArray[np.bool_]:
    """At most so many of the pixels."""
    among = np.flatnonzero(pixels)
    if among.size <= count:
        return pixels
    kept = np.zeros_like(pixels)
    kept.flat[np.random.default_rng(seed).choice(among, count, replace=False)] = True
    return kept


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
        settings: as they hold for these slices.
        folder: one file for each slice, rotation and seed; must belong to these images and this network.

    Raises:
        InputError: a slice shows no organ, or the disk is full.
        Cancelled: `cancelled` said so.
    """
    counted = counted_pixels(organ_mask, settings)
    make_folder(folder)
    stores = {}
    for done, position in enumerate(slices):
        patches = _in_order(slice_patches(organ_mask, position, count, settings))
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


def forget_patches(folder: Path, *, besides: Sequence[int], settings: TuningSettings) -> None:
    """Remove what is kept of other slices or was made with other settings."""
    kept = {_file_name(position, settings) for position in besides}
    for path in folder.glob("slice*.npy"):
        if path.name not in kept:
            # Another process may have it open; then it stays until the next time.
            with suppress(OSError):
                path.unlink()


def shorten_patches(
    folder: Path, organ_mask: NDArray[np.bool_], slices: Sequence[int], count: int, settings: TuningSettings
) -> None:
    """Keep no more than the first `count` patches of every slice, where all that is kept takes too much space."""
    paths = {position: folder / _file_name(position, settings) for position in slices}
    there = {position: path for position, path in paths.items() if path.exists()}
    if sum(path.stat().st_size for path in there.values()) <= LARGEST_BYTES:
        return
    counted = counted_pixels(organ_mask, settings)
    for position, path in there.items():
        patches = _in_order(slice_patches(organ_mask, position, count, settings))
        store = _stored(path, np.stack([counted(patch) for patch in patches]))
        if store is not None and path.stat().st_size > 2 * store.words.nbytes:
            # What is mapped into memory cannot be replaced on Windows.
            words = np.array(store.words)
            del store
            # Another process may have it open; then it stays until the next time.
            with suppress(InputError):
                write_array(path, words)


def _in_order(patches: Sequence[PlannedPatch]) -> list[PlannedPatch]:
    return sorted(patches, key=lambda patch: patch.number)


def _cut(images: NDArray[np.float32], patch: PlannedPatch) -> NDArray[np.float32]:
    return cut_patch(images[:, patch.position], patch.window, degrees=patch.degrees)


def _file_name(position: int, settings: TuningSettings) -> str:
    turned = f"{settings.rotation_degrees:g}degrees-{settings.patch_size}pixels-{settings.loss_area}"
    kept = settings.pixels_per_patch or "all"
    return f"slice{position:04d}-{turned}-{kept}kept-seed{settings.seed}.npy"


def _stored(path: Path, masks: NDArray[np.bool_], maps: int | None = None) -> FeatureStore | None:
    """What is kept already, where it has these patches; it may have more."""
    try:
        words = open_array(path, dtypes=KINDS, dimensions=2)
    except (OSError, ValueError):
        return None
    needed = rows_in_file(masks, words.dtype)
    fits = len(words) >= needed and maps in (None, words.shape[1])
    return FeatureStore(masks, words[:needed]) if fits else None
