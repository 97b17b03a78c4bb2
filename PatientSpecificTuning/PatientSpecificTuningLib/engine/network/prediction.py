"""Lesion probability: from stored features, and from the plain network for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..progress import Progress
from ..progress import Seen
from .features import FeatureStore
from .features import compute_features
from .folded_head import FoldedHead
from .network import DualPathwayNetwork
from .network import Head


@torch.inference_mode()
def predict_probability(
    head: Head, store: FeatureStore, *, device: str = "cpu", progress: Progress | None = None
) -> NDArray[np.float32]:
    """Lesion softmax of every voxel whose features are kept (paper, "Lesion quantification on follow-up scan").

    Returns:
        float32 (Z, Y, X), 0 to 1, 0 everywhere else.
    """
    folded = FoldedHead(head, device=device)
    values = np.empty(len(store), dtype=np.float32)
    for voxels, rows in store.chunks():
        values[voxels] = torch.sigmoid(folded.logit(folded.units(rows))).cpu().numpy()
        if progress is not None:
            progress("Finding lesions", voxels.stop / len(store))
    return store.volume(values)


def compute_with_probability(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    path: Path,
    *,
    kept_from: float = 0.0,
    device: str = "cpu",
    order: NDArray[np.intp] | None = None,
    seen: Seen | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Keep the features of a scan, and find its lesion softmax by the base head, in one pass without reading them back.

    Args:
        images: float32 (channels, Z, Y, X), normalised.
        organ_mask: bool (Z, Y, X).
        path: where the features go, as `compute_features` says.
        kept_from: features are kept where the base softmax is at least this.
        order: all slices in the order of the work, as `compute_features` says.
        seen: told the lesions of each slice, before closing and opening, as soon as they are known.

    Returns:
        float32 (Z, Y, X), 0 outside the organ mask.

    Raises:
        InputError: empty organ mask, or the disk is full.
    """
    folded = FoldedHead(network.head, device=device)
    probability = np.zeros(organ_mask.shape, dtype=np.float32)
    least = network.card.post_processing.threshold

    @torch.inference_mode()
    def choose(position: int, rows: Tensor) -> NDArray[np.bool_]:
        found = torch.sigmoid(folded.logit(folded.units(rows))).cpu().numpy()
        probability[position][organ_mask[position]] = found
        if seen is not None:
            seen(position, probability[position] >= least)
        possible: NDArray[np.bool_] = found >= kept_from
        return possible

    compute_features(
        network, images, organ_mask, path, device=device, order=order, choose=choose, progress=progress
    )
    return probability


@torch.inference_mode()
def predict_slices(
    head: Head, store: FeatureStore, slices: Sequence[int], *, device: str = "cpu"
) -> NDArray[np.float32]:
    """The same as `predict_probability` on some slices only, float32 (Z, Y, X), 0 on all others."""
    folded = FoldedHead(head, device=device)
    values = np.zeros(len(store), dtype=np.float32)
    for position in slices:
        for voxels, rows in store.slice_chunks(position):
            values[voxels] = torch.sigmoid(folded.logit(folded.units(rows))).cpu().numpy()
    return store.volume(values)


def predict_probability_plain(
    network: DualPathwayNetwork, images: NDArray[np.float32], organ_mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The same as `predict_probability`, by the whole network on whole slices: the reference to compare with.

    Args:
        images: float32 (channels, Z, Y, X).
        organ_mask: bool (Z, Y, X).

    Returns:
        float32 (Z, Y, X), 0 outside the organ mask.
    """
    return plain_softmax(network.eval(), images, organ_mask)


@torch.inference_mode()
def plain_softmax(
    network: DualPathwayNetwork, images: NDArray[np.float32], organ_mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Lesion softmax by the network as it is, with dropout where it is switched on; 0 outside the organ mask."""
    slices = [
        network(torch.from_numpy(np.ascontiguousarray(images[None, :, z]))) for z in range(images.shape[1])
    ]
    probability = torch.cat([torch.softmax(logits, dim=1)[:, 1] for logits in slices]).numpy()
    return np.where(organ_mask, probability, 0).astype(np.float32)
