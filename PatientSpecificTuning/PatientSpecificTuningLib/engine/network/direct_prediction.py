"""Lesion probability of slices whose features nobody has stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

if TYPE_CHECKING:
    from .network import DualPathwayNetwork
    from .network import Head


def predict_directly(
    network: DualPathwayNetwork,
    heads: Sequence[Head],
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    *,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[NDArray[np.float32]]:
    """Lesion softmax by several heads on one run of the trunk; features are not kept.

    Args:
        images: float32 (channels, Z, Y, X), normalised.
        organ_mask: bool (Z, Y, X).

    Returns:
        for each head float32 (Z, Y, X), 0 outside the organ.
    """
    import torch

    from .folded_head import FoldedHead
    from .frozen_trunk import FrozenTrunk

    trunk = FrozenTrunk(network, device=device)
    folded = [FoldedHead(head, device=device) for head in heads]
    found = [np.zeros(organ_mask.shape, dtype=np.float32) for _ in heads]
    slices = np.flatnonzero(organ_mask.any(axis=(1, 2)))
    with torch.inference_mode():
        for done, position in enumerate(slices):
            organ = organ_mask[position]
            rows = trunk.rows(images[:, position], organ)
            for head, volume in zip(folded, found, strict=True):
                volume[position][organ] = torch.sigmoid(head.logit(head.units(rows))).cpu().numpy()
            if progress is not None:
                progress("Looking at injected lesions", (done + 1) / slices.size)
    return found
