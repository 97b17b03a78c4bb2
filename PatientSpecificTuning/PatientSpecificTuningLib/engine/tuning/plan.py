"""What fine-tuning will look at: settings, and the rotated patches that follow from slices and seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..model.card import ModelCard
from ..network.patches import PATCH_SIZE
from ..network.patches import Window
from ..network.patches import corner_and_centre_windows
from ..network.seed import LARGEST_SEED

LESION_WISE = "lesions"
WEIGHTINGS = (None, "segmentation", "detection", LESION_WISE)
LOSS_AREAS = ("organ", "patch")
DEFAULT, AS_IN_PAPER = "default", "paper"
NAMED_SETTINGS = (DEFAULT, AS_IN_PAPER)
# Of `TuningSettings`: every pixel of patches that are rotated afresh, as the paper has it.
EVERY_PIXEL: dict[str, Any] = {"patch_pool": None, "pixels_per_patch": None, "pixels_per_iteration": None}
WINDOWS_PER_SLICE = 5
MOST_POOLED_PER_SLICE = 20
MOST_ITERATIONS = 1_000_000
MOST_BASE_SLICES = 1_000


@dataclass(frozen=True)
class TuningSettings:
    """How a head is tuned; the defaults are the paper's ("Patient-specific fine-tuning") but for the last five.

    Attributes:
        base_slices: the base CNN keeps as much weight in the patient-specific one as so many corrected slices, up to
            twice as much where it is right on them already (`left_to_teach`); 0 is the paper's.
        logit_shift: the lesion logit is shifted to where the corrected slices ask for it (`with_drawn_threshold`); not
            so in the paper.
        weighting: None for the class weights of the model card, the paper's scheme for a task ("Weighting"), or
            "lesions", by which small lesions count for more.
        loss_area: "organ" counts only pixels of the organ mask, since the output is masked as well; "patch"
            counts every pixel.
        patch_pool: number of different rotated patches, whose features are computed once and used again; None
            rotates every patch afresh, as the paper does. Every slice has its own share, whatever the other slices
            are, so that features can be computed while slices are still being corrected.
        largest_pool: where many slices are corrected, a slice has fewer than its five patches rather than all of
            them together more than this; neighbours then show what its other windows do not.
        pixels_per_patch: how many pixels of a pooled patch are kept, drawn alike from all that count; None keeps all.
        slices_with_all_pixels: where no more slices than these are corrected, all pixels of their patches are kept.
        pixels_per_iteration: pixels of a batch that are looked at, drawn so that loss and gradient stay unbiased;
            None looks at every pixel, as the paper does.
    """

    iterations: int = 100
    batch_size: int = 4
    learning_rate: float = 1e-4
    base_slices: float = 0.0
    logit_shift: bool = False
    rotation_degrees: float = 45.0
    patch_size: int = PATCH_SIZE
    weighting: str | None = None
    loss_area: str = "organ"
    seed: int = 0
    patch_pool: int | None = 40
    largest_pool: int = 160
    pixels_per_patch: int | None = 4096
    slices_with_all_pixels: int = 8
    pixels_per_iteration: int | None = 8192

    def __post_init__(self) -> None:
        counts = (
            self.iterations,
            self.batch_size,
            self.patch_size,
            self.patch_pool,
            self.largest_pool,
            self.pixels_per_patch,
            self.pixels_per_iteration,
        )
        problem = ""
        if min(count for count in counts if count is not None) < 1:
            problem = "iterations, batch size, patch size, patch pool and pixels must be at least 1"
        elif not 0 <= self.seed <= LARGEST_SEED or self.iterations > MOST_ITERATIONS:
            problem = f"the seed goes from 0 to {LARGEST_SEED} and iterations to {MOST_ITERATIONS}"
        elif not 0 < self.learning_rate < 1e6 or not 0 <= self.rotation_degrees <= 180:
            problem = "the learning rate must be above 0 and the rotation between 0 and 180 degrees"
        elif not 0 <= self.base_slices <= MOST_BASE_SLICES:
            problem = f"the base CNN counts as much as 0 to {MOST_BASE_SLICES} slices"
        elif self.weighting not in WEIGHTINGS:
            problem = f"the weighting {self.weighting!r} is not one of none, segmentation, detection, lesions"
        elif self.loss_area not in LOSS_AREAS:
            problem = f"the loss area {self.loss_area!r} is not one of {', '.join(LOSS_AREAS)}"
        if problem:
            message = f"The settings of fine-tuning cannot be used: {problem}."
            raise InputError(message)

    @classmethod
    def of(cls, card: ModelCard, **given: Any) -> TuningSettings:
        """The settings that a model is tuned with, but for what is given."""
        by_card = {
            "learning_rate": card.tuning_learning_rate,
            "base_slices": card.tuning_base_slices,
            "logit_shift": card.tuning_logit_shift,
        }
        return cls(**{**by_card, **given})

    def base_share(self, slices: float) -> float:
        """Weight of the base CNN's logits in those of a CNN that was taught by so many slices, from 0 to below 1."""
        return self.base_slices / (self.base_slices + slices)

    def patches_per_slice(self, slices: int) -> int:
        """Number of different patches of each slice where so many slices are corrected, a multiple of five or less."""
        if self.patch_pool is None:
            rounds = -(-self.iterations * self.batch_size // (slices * WINDOWS_PER_SLICE))
            return rounds * WINDOWS_PER_SLICE
        rounds = -(-self.patch_pool // (slices * WINDOWS_PER_SLICE))
        if rounds == 1:
            return max(1, min(WINDOWS_PER_SLICE, self.largest_pool // slices))
        return min(MOST_POOLED_PER_SLICE, rounds * WINDOWS_PER_SLICE)

    def for_slices(self, slices: int) -> TuningSettings:
        """The same, with `pixels_per_patch` as it holds where so many slices are corrected."""
        return replace(self, pixels_per_patch=None) if slices <= self.slices_with_all_pixels else self


@dataclass(frozen=True)
class PlannedPatch:
    """A rotated patch of one slice: known from slice and seed alone, before anything is annotated.

    Attributes:
        position: the slice.
        number: its place among the patches of this slice, by which the first so many are used. Neighbouring slices
            begin with different windows.
    """

    position: int
    number: int
    window: Window
    degrees: float


def slice_patches(
    organ_mask: NDArray[np.bool_], position: int, count: int, settings: TuningSettings
) -> list[PlannedPatch]:
    """The patches of a slice whose number is below `count`: five windows in turn, each with fresh random rotation.

    Raises:
        InputError: the slice lies outside the image or shows no organ.
    """
    if not 0 <= position < organ_mask.shape[0] or not organ_mask[position].any():
        message = f"Slice {position} of the baseline shows no organ; correct slices inside the organ mask."
        raise InputError(message)
    windows = corner_and_centre_windows(organ_mask[position], size=settings.patch_size)
    rng = np.random.default_rng([settings.seed, position])
    drawn = max(count, WINDOWS_PER_SLICE)
    degrees = rng.uniform(-settings.rotation_degrees, settings.rotation_degrees, drawn)
    numbers = [(i - position) % WINDOWS_PER_SLICE if i < WINDOWS_PER_SLICE else i for i in range(drawn)]
    return [
        PlannedPatch(position, number, windows[i % WINDOWS_PER_SLICE], float(degrees[i]))
        for i, number in enumerate(numbers)
        if number < count
    ]


def plan_patches(
    organ_mask: NDArray[np.bool_], slices: Sequence[int], settings: TuningSettings
) -> list[PlannedPatch]:
    """Which patches fine-tuning uses, in order, `batch_size` for each iteration.

    Every round takes the five windows of every slice once, in random order.

    Raises:
        InputError: no slice is given, or one has no organ or lies outside the image.
    """
    if not slices:
        message = "No slice of the baseline is given to tune on; correct at least one slice with a lesion."
        raise InputError(message)
    count = settings.patches_per_slice(len(slices))
    pool = [slice_patches(organ_mask, int(position), count, settings) for position in slices]
    rounds = [
        [patch for patches in pool for patch in patches[start : start + WINDOWS_PER_SLICE]]
        for start in range(0, count, WINDOWS_PER_SLICE)
    ]
    rng = np.random.default_rng([settings.seed, *slices])
    needed = settings.iterations * settings.batch_size
    plan: list[PlannedPatch] = []
    while len(plan) < needed:
        for patches in rounds:
            plan += [patches[i] for i in rng.permutation(len(patches))]
    return plan[:needed]
