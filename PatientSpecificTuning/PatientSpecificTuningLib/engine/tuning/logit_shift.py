"""The shift of a tuned CNN's lesion logit by which it marks on the corrected slices what was drawn there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logit

from ..network.features import FeatureStore
from ..network.network import DualPathwayNetwork
from ..network.prediction import predict_slices
from ..network.tuned_head import TunedHead
from ..network.tuned_head import tuned_head
from .evidence import of_baseline
from .evidence import taught_slices

# Candidate shifts; beyond them the CNN is of no use, wherever its threshold lies.
SHIFTS = np.arange(-40, 41) / 10
# Dice values nearer than this to the best one are as good, and the least shift of them is taken.
AS_GOOD = 0.005


def with_drawn_threshold(
    network: DualPathwayNetwork,
    tuned: TunedHead,
    store: FeatureStore,
    labels: NDArray[np.bool_],
    slices: Sequence[int],
    *,
    device: str = "cpu",
) -> TunedHead:
    """The tuned head with its lesion logit shifted to where the corrected slices ask for it.

    A base CNN that has not met the scanner marks too much or too little everywhere, and what it keeps of its weight in
    the tuned one (`beside_base`) keeps that as well. One number learns it from two slices without learning their noise;
    it counts as much as the slices (`taught_slices`) against one slice that asks for no shift.

    Args:
        store: features of the baseline.
        labels: bool (Z, Y, X), lesions inside the organ, of the baseline or of a stack that begins with it; only
            `slices` of it are looked at.
        slices: the corrected slices; those beyond the baseline say nothing here.
    """
    head = tuned_head(network, tuned)
    labels, slices = of_baseline(labels, slices, store.kept.shape)
    drawn, kept = labels[slices], store.kept[slices]
    probability = predict_slices(head, store, slices, device=device)[slices]
    shift = best_shift(logit(probability[kept]), drawn[kept], int(np.count_nonzero(drawn & ~kept)))
    taught = taught_slices(labels, slices)
    shift *= taught / (taught + 1)
    bias = tuned.state["output.bias"] + torch.tensor([0.0, shift], dtype=torch.float32)
    return replace(tuned, state={**tuned.state, "output.bias": bias})


def best_shift(logits: NDArray[np.floating], drawn: NDArray[np.bool_], missed: int) -> float:
    """The least of the shifts by which what is marked, a logit above 0, has the best Dice, or one nearly as good.

    Args:
        logits: lesion logit of voxels, (voxels,).
        drawn: bool (voxels,), lesion.
        missed: lesion voxels of which there is no logit.
    """
    edges = -SHIFTS[::-1]
    marked, right = (
        len(values) - np.searchsorted(np.sort(values), edges, side="right")
        for values in (logits, logits[drawn])
    )
    dice = (2 * right / np.maximum(marked + np.count_nonzero(drawn) + missed, 1))[::-1]
    good = SHIFTS[dice >= dice.max() - AS_GOOD]
    return float(good[np.argmin(np.abs(good))])
