"""Lesion probability and its uncertainty: from stored features, and from the plain network for comparison."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import nn

from .errors import Cancelled
from .features import FeatureStore
from .features import has_fast_bfloat16
from .network import DualPathwayNetwork
from .network import Head
from .progress import Progress

REPETITIONS = 25
_ROWS_AT_ONCE = 16_384
# Small enough that features, random bits and products of one chunk stay in the processor's cache.
_DROPOUT_ROWS = 2_048


@torch.inference_mode()
def predict_probability(
    head: Head, store: FeatureStore, *, device: str = "cpu", progress: Progress | None = None
) -> NDArray[np.float32]:
    """Lesion softmax of every organ voxel (paper, "Lesion quantification on follow-up scan").

    Returns:
        float32 (Z, Y, X), 0 to 1, 0 outside the organ mask.
    """
    head = head.to(device).eval()
    values = np.empty(len(store), dtype=np.float32)
    for start in range(0, len(store), _ROWS_AT_ONCE):
        rows = store.rows(start, start + _ROWS_AT_ONCE).to(device, torch.float32)
        values[start : start + _ROWS_AT_ONCE] = _lesion_softmax(head(rows)).cpu().numpy()
        if progress is not None:
            progress("Finding lesions", min(1.0, (start + _ROWS_AT_ONCE) / len(store)))
    return store.volume(values)


def monte_carlo_dropout(
    head: Head,
    store: FeatureStore,
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of the lesion softmax over repetitions with dropout (paper, "Uncertainty of CNN").

    Dropout sits in the head alone, so repeating the head on stored features is the same as repeating the whole
    network. The standard deviation divides by the number of repetitions.

    Returns:
        mean and SD, float32 (Z, Y, X), 0 outside the organ mask.

    Raises:
        Cancelled: `cancelled` said so.
    """
    sampler = _sampler(head, seed, device)
    mean = np.empty(len(store), dtype=np.float32)
    deviation = np.empty(len(store), dtype=np.float32)
    for start in range(0, len(store), _DROPOUT_ROWS):
        if cancelled is not None and cancelled():
            message = f"The uncertainty stopped after {start} of {len(store)} voxels."
            raise Cancelled(message)
        rows = store.rows(start, start + _DROPOUT_ROWS)
        samples = sampler(rows, repetitions)
        mean[start : start + _DROPOUT_ROWS] = samples.mean(axis=0)
        deviation[start : start + _DROPOUT_ROWS] = samples.std(axis=0)
        if progress is not None:
            progress("Computing uncertainty", min(1.0, (start + _DROPOUT_ROWS) / len(store)))
    return store.volume(mean), store.volume(deviation)


Sampler = Callable[[Tensor, int], NDArray[np.float32]]


def _sampler(head: Head, seed: int, device: str) -> Sampler:
    if torch.device(device).type == "cpu":
        return _RandomBitSampler(head, seed)
    return _DropoutSampler(head, seed, device)


class _DropoutSampler:
    """Samples of the lesion softmax through torch's own dropout, which is fast on a GPU."""

    def __init__(self, head: Head, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.head = head.to(device).eval()
        self.device = device

    @torch.inference_mode()
    def __call__(self, rows: Tensor, repetitions: int) -> NDArray[np.float32]:
        rows = rows.to(self.device, torch.float32)
        _switch_dropout(self.head, on=True)
        samples = [_lesion_softmax(self.head(rows)) for _ in range(repetitions)]
        _switch_dropout(self.head, on=False)
        return torch.stack(samples).cpu().numpy()


class _RandomBitSampler:
    """Samples of the lesion softmax with dropout decided by raw random bits.

    Drawing uniform floating-point numbers costs more than the head itself; comparing raw 16-bit words with a
    threshold gives the same Bernoulli masks with the rate rounded to 1/65536.
    """

    def __init__(self, head: Head, seed: int) -> None:
        head = head.cpu().eval()
        self.bits = np.random.SFC64(seed)
        self.thresholds = [round(d.p * 65536) for d in (head.dropout_before, head.dropout_after)]
        half = has_fast_bfloat16("cpu")
        self.dtype = torch.bfloat16 if half else torch.float32
        norm = head.normalization
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        kept = [1 - threshold / 65536 for threshold in self.thresholds]
        with torch.no_grad():
            self.hidden = (head.hidden.weight * scale[:, None] / kept[0]).T.contiguous().to(self.dtype)
            self.shift = norm.bias - norm.running_mean * scale
            # Of two classes only the difference of the logits matters.
            self.output = (head.output.weight[1] - head.output.weight[0]) / kept[1]
            self.bias = head.output.bias[1] - head.output.bias[0]

    @torch.inference_mode()
    def __call__(self, rows: Tensor, repetitions: int) -> NDArray[np.float32]:
        rows = rows.to(self.dtype)
        samples = np.empty((repetitions, rows.shape[0]), dtype=np.float32)
        for repetition in range(repetitions):
            hidden = (self._dropped(rows, self.thresholds[0]) @ self.hidden).float()
            hidden = torch.relu_(hidden.add_(self.shift))
            logit = self._dropped(hidden, self.thresholds[1]) @ self.output
            samples[repetition] = torch.sigmoid(logit + self.bias).numpy()
        return samples

    def _dropped(self, values: Tensor, threshold: int) -> Tensor:
        words = self.bits.random_raw(-(-values.numel() // 4)).view(np.uint16)[: values.numel()]
        keep = torch.from_numpy(words >= threshold).view(values.shape)
        return values * keep


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
    return _plain(network.eval(), images, organ_mask)


def monte_carlo_dropout_plain(
    network: DualPathwayNetwork,
    images: NDArray[np.float32],
    organ_mask: NDArray[np.bool_],
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same as `monte_carlo_dropout`, by repeating the whole network: the reference to compare with."""
    torch.manual_seed(seed)
    network.eval()
    _switch_dropout(network.head, on=True)
    samples = np.stack([_plain(network, images, organ_mask) for _ in range(repetitions)])
    _switch_dropout(network.head, on=False)
    return samples.mean(axis=0), samples.std(axis=0)


@torch.inference_mode()
def _plain(
    network: DualPathwayNetwork, images: NDArray[np.float32], organ_mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    slices = [
        network(torch.from_numpy(np.ascontiguousarray(images[None, :, z]))) for z in range(images.shape[1])
    ]
    probability = torch.cat([torch.softmax(logits, dim=1)[:, 1] for logits in slices]).numpy()
    return np.where(organ_mask, probability, 0).astype(np.float32)


def _lesion_softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=-1)[:, 1]


def _switch_dropout(head: Head, *, on: bool) -> None:
    for module in head.modules():
        if isinstance(module, nn.Dropout):
            module.train(on)
