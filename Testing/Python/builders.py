"""Small things that many tests need: tiny models and examinations with known content."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import Pathway
from PatientSpecificTuningLib.engine.model.card import PostProcessing


def tiny_card(**changes: Any) -> ModelCard:
    """A card with few kernels, short blocks and a small receptive field, for fast tests."""
    values: dict[str, Any] = {
        "name": "tiny",
        "kernels": 4,
        "head_kernels": 8,
        "block_layers": (1, 1, 1, 1, 1),
        "dilation_rates": (1, 2, 2, 1, 1),
    }
    return ModelCard(**(values | changes))


def detection_card(**changes: Any) -> ModelCard:
    """A tiny card for the liver: four phases and three b-values, lesions judged as objects."""
    values: dict[str, Any] = {
        "task": "detection",
        "organ": "liver",
        "pathways": (
            Pathway("DCE", 4, key_channel=3),
            Pathway("DWI", 3, channel_labels=("b10", "b150", "b1000"), key_channel=1),
        ),
        "post_processing": PostProcessing(opening=True),
        "bias_correction": False,
        "proposed_slices": None,
    }
    return tiny_card(**(values | changes))


def blob_examination(
    *, shape: tuple[int, int, int] = (4, 48, 44), channels: int = 2, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Images (channels, Z, Y, X), an elliptic organ mask and bright lesions on every slice but the last."""
    rng = np.random.default_rng(seed)
    z, y, x = shape
    rows, columns = np.mgrid[:y, :x]
    ellipse = ((rows - y / 2) / (0.42 * y)) ** 2 + ((columns - x / 2) / (0.40 * x)) ** 2 < 1
    organ = np.repeat(ellipse[None], z, axis=0)
    lesions = np.zeros(shape, dtype=bool)
    for i in range(z - 1):
        row, column = int(rng.integers(y // 3, 2 * y // 3)), int(rng.integers(x // 3, 2 * x // 3))
        lesions[i, row - 2 : row + 3, column - 2 : column + 3] = True
    images = rng.normal(size=(channels, *shape)).astype(np.float32) * 0.3
    images[0] += 2.0 * lesions
    return images * organ, organ, lesions & organ
