"""Fine-tuning on the stored features of whole slices, without running the trunk on rotated patches: for simulations.

Batches, loss and optimiser are those of the engine; only the rotation of patches is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.network.features import FeatureStore
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.network import Head
from PatientSpecificTuningLib.engine.network.tuned_head import tuned_head
from PatientSpecificTuningLib.engine.tuning.batches import TuningBatches
from PatientSpecificTuningLib.engine.tuning.head_trainer import HeadTrainer
from PatientSpecificTuningLib.engine.tuning.patch_features import CountedPixels
from PatientSpecificTuningLib.engine.tuning.patch_features import counted_pixels
from PatientSpecificTuningLib.engine.tuning.plan import PlannedPatch
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.plan import plan_patches
from PatientSpecificTuningLib.engine.tuning.tuning import IN_PLANE_NEIGHBOURS
from PatientSpecificTuningLib.engine.tuning.tuning import TELLING_PIXELS
from PatientSpecificTuningLib.engine.tuning.tuning import patient_specific
from scipy import ndimage
from torch import Tensor


class StoredPatches:
    """Features of unrotated patches, read from those of their slice."""

    def __init__(self, store: FeatureStore, counted: CountedPixels) -> None:
        self._store, self._counted = store, counted
        self._rows = np.full(store.kept.shape, -1, dtype=np.int64)
        self._rows[store.kept] = np.arange(len(store))

    def rows(self, patch: PlannedPatch, pixels: NDArray[np.intp]) -> Tensor:
        """Features of some of the counted pixels of a patch."""
        window, plane = patch.window, self._rows[patch.position]
        padded = np.pad(plane, window.size, constant_values=-1)
        row, column = window.row + window.size, window.column + window.size
        cut = padded[row : row + window.size, column : column + window.size]
        return self._store.picked(cut[self._counted(patch)][pixels])


def tune_on_stored(
    network: DualPathwayNetwork,
    store: FeatureStore,
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    settings: TuningSettings,
) -> Head:
    """A head tuned on slices as `tune` does it, but for the rotation.

    Args:
        labels: bool (Z, Y, X).
        settings: with a rotation of 0 degrees.
    """
    counted = counted_pixels(store.kept, settings)
    background, lesion = network.card.class_weights
    telling = ndimage.binary_dilation(labels, structure=IN_PLANE_NEIGHBOURS, iterations=TELLING_PIXELS)
    maps = np.stack([labels, np.where(labels, lesion, background), telling]).astype(np.float32)
    batches = TuningBatches(counted, StoredPatches(store, counted), maps, settings)
    plan = plan_patches(store.kept, sorted(slices), settings)
    trainer = HeadTrainer(network.head, settings.learning_rate, settings.seed, "cpu")
    for first in range(0, len(plan), settings.batch_size):
        trainer.step(*batches.batch(plan[first : first + settings.batch_size]))
    return tuned_head(network, patient_specific(network, trainer, labels, sorted(slices), settings, store))
