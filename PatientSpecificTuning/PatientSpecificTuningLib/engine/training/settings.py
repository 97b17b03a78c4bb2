"""How a base model is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingSettings:
    """How a base model is trained; the defaults are the paper's.

    Attributes:
        schedule: "constant" learning rate as the paper, or "one-cycle" (warm-up, then cosine to zero).
        varied: strong augmentation (scale, mirror, intensities) instead of rotation alone.
        contrast: how far the random intensity curves of `varied` bend, the standard deviation of the logarithm of
            their slopes; 0 for none.
        faded: part of the patches whose lesions lose contrast to the tissue around them.
        faintest: least part of their contrast that these lesions keep.
        lesion_centred: part of the patches that is centred near a lesion instead of taken from the grid.
        hard_centred: part of the patches that is centred near background that looks like a lesion.
        all_slices: part of the patches that comes from any slice instead of lesion slices only.
        averaging: decay of the exponential moving average of the weights that is kept as the result; 0 for none.
        drop_probability: part of the patches that lose a droppable sequence (card.missing_sequences).
        equal_patients: lesion slices are drawn from all examinations alike, whatever their lesion load; otherwise
            examinations with many lesion slices are drawn more often.
        frozen_statistics: batch normalisation keeps its statistics, as further training of trained weights on
            small batches does; a fifth faster.
    """

    iterations: int = 10_000
    batch_size: int = 4
    learning_rate: float = 1e-4
    schedule: str = "constant"
    rotation_degrees: float = 45.0
    varied: bool = False
    contrast: float = 0.0
    faded: float = 0.0
    faintest: float = 0.55
    lesion_centred: float = 0.0
    hard_centred: float = 0.0
    all_slices: float = 0.0
    averaging: float = 0.0
    drop_probability: float = 0.0
    weight_decay: float = 0.0
    equal_patients: bool = False
    frozen_statistics: bool = False
    seed: int = 0
