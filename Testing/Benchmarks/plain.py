"""The method as the paper's text says it, without any shortcut: what the benchmark compares with."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.patches import cut_patch
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.plan import plan_patches
from torch.nn import functional


@torch.inference_mode()
def seconds_per_slice(
    network: DualPathwayNetwork, images: NDArray[np.float32], positions: Sequence[int], *, dropout: bool
) -> float:
    """Mean seconds of a full forward pass of one slice, eager float32."""
    network.eval()
    for module in network.head.modules():
        if isinstance(module, torch.nn.Dropout):
            module.train(dropout)
    began = time.perf_counter()
    for position in positions:
        logits = network(torch.from_numpy(np.ascontiguousarray(images[None, :, position])))
        torch.softmax(logits, dim=1)
    network.eval()
    return (time.perf_counter() - began) / len(positions)


def seconds_per_iteration(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ: NDArray[np.bool_],
    lesions: NDArray[np.bool_],
    slices: Sequence[int],
    iterations: int,
) -> float:
    """Mean seconds of one fine-tuning iteration: frozen trunk, eager float32, freshly rotated patches."""
    settings = TuningSettings(iterations=iterations, patch_pool=None)
    plan = plan_patches(organ, slices, settings)
    head = copy.deepcopy(network.head).train()
    head.normalization.eval()
    optimizer = torch.optim.Adam(head.parameters(), lr=settings.learning_rate)
    began = time.perf_counter()
    for first in range(0, len(plan), settings.batch_size):
        patches = plan[first : first + settings.batch_size]
        batch = np.stack([cut_patch(images[:, p.position], p.window, degrees=p.degrees) for p in patches])
        labels = np.stack(
            [cut_patch(lesions[p.position], p.window, degrees=p.degrees, order=0) for p in patches]
        )
        with torch.no_grad():
            features = network.trunk(torch.from_numpy(batch)).permute(0, 2, 3, 1)
        logits = head(features).permute(0, 3, 1, 2)
        loss = functional.cross_entropy(logits, torch.from_numpy(labels).long())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - began) / iterations
