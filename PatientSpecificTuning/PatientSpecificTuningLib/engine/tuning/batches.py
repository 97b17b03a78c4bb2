"""What one iteration of fine-tuning looks at: features, labels and weights of some pixels of its patches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network.patches import cut_patch
from .patch_features import CountedPixels
from .patch_features import PatchFeatures
from .pixel_sampling import sample_pixels
from .plan import PlannedPatch
from .plan import TuningSettings


class TuningBatches:
    """Labels, weights and features of the pixels that one iteration looks at.

    Args:
        counted: which pixels of a patch count.
        features: where their features come from.
        maps: float32 (3, Z, Y, X): label, weight in the loss, and where it is telling to look.
    """

    def __init__(
        self,
        counted: CountedPixels,
        features: PatchFeatures,
        maps: NDArray[np.float32],
        settings: TuningSettings,
    ) -> None:
        self._counted = counted
        self._features = features
        self._maps = maps
        self._wanted = settings.pixels_per_iteration
        self._rng = np.random.default_rng([settings.seed, 1])
        self._known: dict[PlannedPatch, NDArray[np.float32]] = {}

    def batch(self, patches: Sequence[PlannedPatch]) -> tuple[Tensor, Tensor, Tensor]:
        """Features (pixels, maps), labels int64 (pixels,) and weights float32 (pixels,).

        The sum of the weighted losses estimates the mean over all counted pixels of the patches without bias.
        """
        values = [self._values(patch) for patch in patches]
        labels, weights, telling = np.concatenate(values, axis=1)
        total = labels.size
        pixels, factors = sample_pixels(telling > 0, self._wanted or total, self._rng)
        starts = np.cumsum([0] + [value.shape[1] for value in values])
        bounds = np.searchsorted(pixels, starts)
        rows = [
            self._features.rows(patch, pixels[first:last] - start)
            for patch, first, last, start in zip(patches, bounds[:-1], bounds[1:], starts[:-1], strict=True)
            if last > first
        ]
        features = torch.cat(rows) if rows else torch.empty(0, 0)
        shares = weights[pixels] * factors / max(1, total)
        return features, torch.from_numpy(labels[pixels]).long(), torch.from_numpy(shares)

    def _values(self, patch: PlannedPatch) -> NDArray[np.float32]:
        """The maps at every counted pixel, each from its nearest voxel, so that nothing is blended."""
        if patch not in self._known:
            maps = cut_patch(self._maps[:, patch.position], patch.window, degrees=patch.degrees, order=0)
            self._known[patch] = maps[:, self._counted(patch)]
        return self._known[patch]
