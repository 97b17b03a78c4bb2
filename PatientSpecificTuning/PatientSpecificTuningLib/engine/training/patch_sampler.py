"""Which patches base training draws, and how they are varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..model.card import ModelCard
from ..network.patches import PATCH_SIZE
from ..network.patches import Window
from ..network.patches import cut_patch
from ..network.patches import grid_windows
from .augmentation import drop_pathway
from .augmentation import fade_lesions
from .augmentation import vary_contrast
from .augmentation import vary_intensities
from .settings import TrainingSettings


@dataclass(frozen=True)
class TrainingExamination:
    """One annotated examination, preprocessed.

    Attributes:
        images: float32 (channels, Z, Y, X), z-scored inside the organ and 0 outside.
        organ: bool (Z, Y, X).
        lesions: bool (Z, Y, X).
        weight: how often slices of this examination are drawn relative to others.
        hard: bool (Z, Y, X), background that is easily taken for a lesion; None where nothing is known of it.
    """

    name: str
    images: NDArray[np.floating]
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]
    weight: float = 1.0
    hard: NDArray[np.bool_] | None = None


class PatchSampler:
    """Draws batches of augmented patches; the same seed and iteration give the same batch."""

    def __init__(
        self, examinations: Sequence[TrainingExamination], card: ModelCard, settings: TrainingSettings
    ) -> None:
        if not examinations or not any(e.lesions.any() for e in examinations):
            message = "No training examination has a lesion label; add at least one annotated examination."
            raise InputError(message)
        self.examinations = list(examinations)
        self.settings = settings
        self.pathway_of_channel = [i for i, p in enumerate(card.pathways) for _ in range(p.channels)]
        self.droppable = [i for i, p in enumerate(card.pathways) if p.sequence in card.missing_sequences]
        self.lesion_slices = [
            np.flatnonzero((e.lesions & e.organ).any(axis=(1, 2))) for e in self.examinations
        ]
        self.organ_slices = [np.flatnonzero(e.organ.any(axis=(1, 2))) for e in self.examinations]
        with_lesions = np.array([slices.size > 0 for slices in self.lesion_slices])
        weights = np.array([e.weight for e in self.examinations])
        counts = np.array([s.size for s in self.lesion_slices])
        drawn = np.sign(counts) if settings.equal_patients else np.sqrt(counts)
        self.lesion_odds = _normalised(weights * drawn * with_lesions)
        self.hard_slices = [_slices_of(e.hard) for e in self.examinations]
        self.hard_odds = weights * np.array([slices.size > 0 for slices in self.hard_slices])
        self.any_odds = _normalised(weights)

    def batch(self, iteration: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, C, 128, 128), lesion labels (B, 128, 128) int64 and organ (B, 128, 128) of one iteration."""
        rng = np.random.default_rng([self.settings.seed, iteration])
        patches = [self._patch(rng) for _ in range(self.settings.batch_size)]
        images, labels, organ = (np.stack(part) for part in zip(*patches, strict=True))
        return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), torch.from_numpy(organ)

    def _patch(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        settings = self.settings
        hard = self._hard_slice(rng)
        examination, position = hard or self._slice(rng)
        organ_slice = examination.organ[position]
        lesion_slice = examination.lesions[position]
        if hard is not None and examination.hard is not None:
            window = _window_near(examination.hard[position], rng)
        elif lesion_slice.any() and rng.random() < settings.lesion_centred:
            window = _window_near(lesion_slice, rng)
        else:
            windows = grid_windows(organ_slice)
            window = windows[rng.integers(len(windows))]
        degrees = rng.uniform(-settings.rotation_degrees, settings.rotation_degrees)
        scale = rng.uniform(0.85, 1.2) if settings.varied else 1.0
        images = cut_patch(examination.images[:, position], window, degrees=degrees, scale=scale)
        labels = cut_patch(lesion_slice, window, degrees=degrees, scale=scale) >= 0.5
        organ = cut_patch(organ_slice, window, degrees=degrees, scale=scale, order=0) > 0.5
        if settings.varied:
            if rng.random() < 0.5:
                images, labels, organ = images[..., ::-1], labels[..., ::-1], organ[..., ::-1]
            if settings.faded and rng.random() < settings.faded:
                images = fade_lesions(images, labels, organ, settings.faintest, rng)
            images = vary_contrast(images, organ, self.pathway_of_channel, settings.contrast, rng)
            images = vary_intensities(images, organ, self.pathway_of_channel, rng)
        images = drop_pathway(images, self.pathway_of_channel, self.droppable, settings.drop_probability, rng)
        return np.ascontiguousarray(images), np.ascontiguousarray(labels), np.ascontiguousarray(organ)

    def _hard_slice(self, rng: np.random.Generator) -> tuple[TrainingExamination, int] | None:
        """A slice with background that looks like a lesion, for the part of the patches that is centred there."""
        if not self.hard_odds.any() or rng.random() >= self.settings.hard_centred:
            return None
        chosen = int(rng.choice(len(self.examinations), p=_normalised(self.hard_odds)))
        slices = self.hard_slices[chosen]
        return self.examinations[chosen], int(slices[rng.integers(slices.size)])

    def _slice(self, rng: np.random.Generator) -> tuple[TrainingExamination, int]:
        anywhere = rng.random() < self.settings.all_slices
        odds = self.any_odds if anywhere else self.lesion_odds
        chosen = int(rng.choice(len(self.examinations), p=odds))
        slices = self.organ_slices[chosen] if anywhere else self.lesion_slices[chosen]
        return self.examinations[chosen], int(slices[rng.integers(slices.size)])


def _slices_of(mask: NDArray[np.bool_] | None) -> NDArray[np.intp]:
    return np.flatnonzero([] if mask is None else mask.any(axis=(1, 2)))


def _normalised(odds: NDArray[np.floating]) -> NDArray[np.floating]:
    return odds / odds.sum()


def _window_near(pixels: NDArray[np.bool_], rng: np.random.Generator) -> Window:
    rows, columns = np.nonzero(pixels)
    chosen = rng.integers(rows.size)
    shift = rng.integers(-PATCH_SIZE // 4, PATCH_SIZE // 4 + 1, size=2)
    return Window(
        int(rows[chosen] - PATCH_SIZE // 2 + shift[0]), int(columns[chosen] - PATCH_SIZE // 2 + shift[1])
    )
