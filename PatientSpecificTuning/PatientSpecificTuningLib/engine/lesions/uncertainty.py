"""Uncertainty by Monte Carlo dropout: on stored features, and by the plain network for comparison."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import nn

from ..errors import Cancelled
from ..network.chunk_threads import in_threads
from ..network.features import ROWS_AT_ONCE
from ..network.features import FeatureStore
from ..network.features import Place
from ..network.folded_head import FoldedHead
from ..network.frozen_trunk import has_fast_bfloat16
from ..network.network import DualPathwayNetwork
from ..network.network import Head
from ..network.prediction import plain_softmax
from ..network.random_bits import RandomBits
from ..network.random_bits import Words
from ..network.random_bits import dropped_by
from ..progress import Progress
from .extent_uncertainty import ExtentCounter
from .logit_moments import largest_deviation
from .logit_moments import logit_moments
from .logit_moments import logit_variance
from .logit_moments import softmax_deviation

REPETITIONS = 25
# Below this a normal logit gives the standard deviation to 0.005, closer than 25 repetitions do; a test repeats it.
SAMPLED_ABOVE_SD = 0.02
LEAST_PROBABILITY = 0.01


def monte_carlo_dropout(
    head: Head,
    store: FeatureStore,
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
    sampled_above: float = SAMPLED_ABOVE_SD,
    extent: ExtentCounter | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of the lesion softmax over repetitions with dropout (paper, "Uncertainty of CNN").

    Dropout sits in the head alone, so repeating the head on stored features is the same as repeating the whole
    network. Voxels whose standard deviation cannot exceed `sampled_above` are not sampled: they get the softmax
    without dropout and the standard deviation that a normal logit has. The standard deviation divides by the number
    of repetitions.

    Args:
        sampled_above: largest standard deviation that need not be sampled; 0 samples every voxel.
        extent: also counts, from the same samples, how the extent of each lesion differs.

    Returns:
        mean and SD, float32 (Z, Y, X), 0 outside the organ mask.

    Raises:
        Cancelled: `cancelled` said so.
    """
    folded = FoldedHead(head, device=device)

    def report(fraction: float) -> None:
        if cancelled is not None and cancelled():
            message = f"The uncertainty stopped after {fraction:.0%}."
            raise Cancelled(message)
        if progress is not None:
            progress("Computing uncertainty", fraction)

    report(0.0)
    mean, deviation, largest = _without_sampling(folded, store, report)
    sampled = np.flatnonzero(largest > sampled_above) if sampled_above > 0 else np.arange(len(store))
    parts = [sampled[start : start + ROWS_AT_ONCE] for start in range(0, sampled.size, ROWS_AT_ONCE)]
    drawn = _sampler(folded, seed)(map(store.picked, parts), repetitions)
    for number, (voxels, samples) in enumerate(zip(parts, drawn, strict=True)):
        if extent is not None:
            extent.add(voxels, mean[voxels], samples)
        mean[voxels], deviation[voxels] = samples.mean(axis=0), samples.std(axis=0)
        report(0.5 + 0.5 * number / len(parts))
    if extent is not None:
        certain = np.setdiff1d(np.arange(len(store)), sampled, assume_unique=True)
        extent.add(certain, mean[certain], mean[None, certain])
    report(1.0)
    return store.volume(mean), store.volume(deviation)


@torch.inference_mode()
def _without_sampling(
    folded: FoldedHead, store: FeatureStore, report: Callable[[float], None]
) -> tuple[NDArray[np.float32], ...]:
    """Softmax, its standard deviation for a normal logit, and what that cannot exceed, of every organ voxel."""

    def found(rows: Tensor) -> NDArray[np.float32]:
        logit, variance = logit_moments(folded, rows)
        values = (
            torch.sigmoid(logit),
            softmax_deviation(logit, variance),
            largest_deviation(logit, variance),
        )
        return torch.stack(values).cpu().numpy()

    values = np.empty((3, len(store)), dtype=np.float32)
    for voxels, chunk in _over_chunks(found, store, folded.device):
        values[:, voxels] = chunk
        report(0.5 * voxels.stop / len(store))
    return tuple(values)


@torch.inference_mode()
def predict_with_deviation(
    head: Head,
    store: FeatureStore,
    *,
    least: float = LEAST_PROBABILITY,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lesion softmax, and the standard deviation of the lesion logit under dropout by error propagation, in one pass.

    Args:
        least: voxels of a lower softmax are far from being a lesion: they have no deviation, and a softmax that is as
            exact as bfloat16 is.

    Returns:
        two float32 (Z, Y, X); 0 outside the organ mask, the deviation also where it was left out.
    """
    folded = FoldedHead(head, device=device)

    def found(rows: Tensor) -> NDArray[np.float32]:
        probability = torch.sigmoid(folded.rough_logit(rows)).cpu()
        deviation = torch.zeros_like(probability)
        near = torch.nonzero(probability >= least / 2)[:, 0]
        if near.numel():
            units = folded.units(rows[near])
            probability[near] = torch.sigmoid(folded.logit(units)).cpu()
            deviation[near] = logit_variance(folded, rows[near], units).sqrt().cpu()
            deviation[probability < least] = 0
        return torch.stack([probability, deviation]).numpy()

    values = np.empty((2, len(store)), dtype=np.float32)
    for voxels, chunk in _over_chunks(found, store, folded.device):
        values[:, voxels] = chunk
        if progress is not None:
            progress("Finding lesions", voxels.stop / len(store))
    return store.volume(values[0]), store.volume(values[1])


def _over_chunks(
    action: Callable[[Tensor], NDArray[np.float32]], store: FeatureStore, device: torch.device
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The place of every chunk among all voxels, and what the action gives for its features (voxels, maps)."""

    def chunk(place: Place) -> tuple[slice, NDArray[np.float32]]:
        return place.voxels, action(store.rows(place))

    return in_threads(chunk, store.places()) if device.type == "cpu" else map(chunk, store.places())


Sampler = Callable[[Iterable[Tensor], int], Iterator[NDArray[np.float32]]]


def _sampler(folded: FoldedHead, seed: int) -> Sampler:
    return _RandomBitSampler(folded, seed) if folded.device.type == "cpu" else _DropoutSampler(folded, seed)


class _DropoutSampler:
    """Samples of the lesion softmax through torch's own dropout, which is fast on a GPU."""

    def __init__(self, folded: FoldedHead, seed: int) -> None:
        torch.manual_seed(seed)
        self.folded = folded

    def __call__(self, chunks: Iterable[Tensor], repetitions: int) -> Iterator[NDArray[np.float32]]:
        return (self._samples(rows, repetitions) for rows in chunks)

    @torch.inference_mode()
    def _samples(self, rows: Tensor, repetitions: int) -> NDArray[np.float32]:
        rows = rows.to(self.folded.device, torch.float32)
        return torch.stack([self._sample(rows) for _ in range(repetitions)]).cpu().numpy()

    def _sample(self, rows: Tensor) -> Tensor:
        before, after = self.folded.dropout
        units = torch.relu(self.folded.units(nn.functional.dropout(rows, before)))
        return torch.sigmoid(nn.functional.dropout(units, after) @ self.folded.output + self.folded.bias)


class _RandomBitSampler:
    """Samples of the lesion softmax on the CPU, with dropout decided by raw random bits."""

    def __init__(self, folded: FoldedHead, seed: int) -> None:
        self.bits = RandomBits(seed)
        self.rates = folded.dropout
        self.dtype = torch.bfloat16 if has_fast_bfloat16("cpu") else torch.float32
        self.shift, self.bias = folded.shift, folded.bias
        before, after = (1 - rate for rate in self.rates)
        self.hidden = (folded.hidden / before).to(self.dtype)
        self.output = folded.output / after

    def __call__(self, chunks: Iterable[Tensor], repetitions: int) -> Iterator[NDArray[np.float32]]:
        samples = in_threads(lambda drawn: self._sample(*drawn), self._drawn(chunks, repetitions))
        while of_chunk := list(islice(samples, repetitions)):
            yield np.stack(of_chunk)

    def _drawn(self, chunks: Iterable[Tensor], repetitions: int) -> Iterator[tuple[Tensor, Words, Words]]:
        """The features of every sample with its random words, which one source gives in this order."""
        before, after = self.rates
        for chunk in chunks:
            rows = chunk.to(self.dtype)
            units = rows.shape[0], self.hidden.shape[1]
            for _ in range(repetitions):
                yield rows, self.bits.words(rows.shape, before), self.bits.words(units, after)

    def _sample(self, rows: Tensor, before: Words, after: Words) -> NDArray[np.float32]:
        hidden = (dropped_by(before, rows, self.rates[0]) @ self.hidden).float()
        hidden = torch.relu_(hidden.add_(self.shift))
        logit = dropped_by(after, hidden, self.rates[1]) @ self.output
        sample: NDArray[np.float32] = torch.sigmoid(logit + self.bias).numpy()
        return sample


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
    samples = np.stack([plain_softmax(network, images, organ_mask) for _ in range(repetitions)])
    _switch_dropout(network.head, on=False)
    return samples.mean(axis=0), samples.std(axis=0)


def _switch_dropout(head: Head, *, on: bool) -> None:
    for module in head.modules():
        if isinstance(module, nn.Dropout):
            module.train(on)
