"""The axes of the paper's experiments: which CNNs are made for every patient, and which table shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..case.preparation import KEPT_FROM
from ..errors import InputError
from ..files import json_values
from ..network.seed import LARGEST_SEED
from ..tuning.plan import EVERY_PIXEL
from ..tuning.plan import TuningSettings

AMONG = ("lesion", "organ")
MOST_COUNTED = 1_000_000


@dataclass(frozen=True)
class Setting:
    """One CNN of the study: the base CNN, or one that is fine-tuned in one way.

    Attributes:
        iterations: of fine-tuning, 0 for the base CNN.
        slices: how many slices are corrected, None for all of them.
        among: "lesion" for slices with a lesion, "organ" for every slice of the organ.
        weighted: pixels are weighted by how the base CNN did on the baseline (paper, "Weighting").
        uncertainty: the standard deviation under Monte Carlo dropout is measured.
    """

    iterations: int = 0
    slices: int | None = None
    among: str = "lesion"
    weighted: bool = False
    uncertainty: bool = False

    @property
    def name(self) -> str:
        """What the setting is called in files: base, lesion-all-100, organ-2-100, lesion-all-100-weighted."""
        if self.iterations == 0:
            return "base"
        count = "all" if self.slices is None else self.slices
        return f"{self.among}-{count}-{self.iterations}" + ("-weighted" if self.weighted else "")


@dataclass(frozen=True)
class Design:
    """What is varied, one factor at a time as in the paper ("Experiments"), and what stays as it is.

    Attributes:
        iterations: numbers of iterations that are compared, all with every lesion slice.
        reference_iterations: the number of all other comparisons, 100 in the paper.
        slice_counts: numbers of selected slices that are compared, among lesion slices and among all organ slices.
        repetitions: Monte Carlo dropout repetitions for the uncertainty.
        seed: of patches, rotations and dropout; all settings share it.
        every_pixel: rotate every patch afresh and look at every pixel, as the paper does; by default patches are
            pooled and pixels sampled without bias, as in the interactive module.
    """

    iterations: tuple[int, ...] = (50, 100, 500, 1000)
    reference_iterations: int = 100
    slice_counts: tuple[int, ...] = (1, 2)
    repetitions: int = 25
    seed: int = 0
    every_pixel: bool = False

    def __post_init__(self) -> None:
        numbers = (*self.iterations, self.reference_iterations, *self.slice_counts)
        if not self.iterations or min(numbers) < 1 or self.repetitions < 2:
            message = (
                "The study needs at least one number of iterations, positive numbers of iterations and slices, and"
                " two repetitions of dropout; correct them."
            )
            raise InputError(message)

    @property
    def base(self) -> Setting:
        """The base CNN."""
        return Setting(uncertainty=True)

    @property
    def reference(self) -> Setting:
        """What the paper settles on: all lesion slices, without weights."""
        return Setting(self.reference_iterations, uncertainty=True)

    def by_iterations(self) -> tuple[Setting, ...]:
        """All lesion slices, for every number of iterations."""
        return tuple(self._lesion_slices(count) for count in self.iterations)

    def by_slices(self) -> tuple[Setting, ...]:
        """Selected among all organ slices, selected among lesion slices, all lesion slices, all organ slices."""
        n = self.reference_iterations
        selected = [Setting(n, count, among) for among in ("organ", "lesion") for count in self.slice_counts]
        return (*selected, self.reference, Setting(n, None, "organ"))

    def by_weighting(self) -> tuple[Setting, ...]:
        """Without and with the weights of the model's task."""
        return self.reference, Setting(self.reference_iterations, weighted=True)

    def settings(self) -> tuple[Setting, ...]:
        """Every CNN of the study once."""
        wanted = (self.base, *self.by_iterations(), *self.by_slices(), *self.by_weighting())
        return tuple(dict.fromkeys(wanted))

    def setting(self, name: str) -> Setting:
        """The setting of this name."""
        return next(setting for setting in self.settings() if setting.name == name)

    def tuning(self, setting: Setting, task: str) -> TuningSettings:
        """How the head is tuned in a setting, for a model of this task."""
        weighting = task if setting.weighted else None
        if self.every_pixel:
            return TuningSettings(
                iterations=setting.iterations,
                weighting=weighting,
                seed=self.seed,
                **EVERY_PIXEL,
            )
        return TuningSettings(iterations=setting.iterations, weighting=weighting, seed=self.seed)

    def to_dict(self) -> dict[str, Any]:
        """The design as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Design:
        """Build a design from what `to_dict` gave.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another kind than it must be.
        """
        values = json_values.fields(values, json_values.anything)
        return cls(
            json_values.entries(values["iterations"], _count),
            _count(values["reference_iterations"]),
            json_values.entries(values["slice_counts"], _count),
            _count(values["repetitions"]),
            json_values.integer(values["seed"], 0, LARGEST_SEED),
            json_values.truth(values["every_pixel"]),
        )

    def _lesion_slices(self, iterations: int) -> Setting:
        return self.reference if iterations == self.reference_iterations else Setting(iterations)


@dataclass(frozen=True)
class Preparation:
    """How every patient of a study is prepared; None is as the model card says."""

    model: str | None = None
    registration: str | None = None
    motion_correction: str | None = None
    bias_correction: bool | None = None
    missing_sequence: str = "error"
    kept_from: float = KEPT_FROM

    @classmethod
    def from_dict(cls, values: Any) -> Preparation:
        """Build it from JSON values.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another kind than it must be.
        """
        values = json_values.fields(values, json_values.anything)
        correction = values["bias_correction"]
        return cls(
            _optional_text(values["model"]),
            _optional_text(values["registration"]),
            _optional_text(values["motion_correction"]),
            None if correction is None else json_values.truth(correction),
            json_values.choice(values["missing_sequence"], ("error", "zero")),
            # Studies of earlier versions looked at every voxel of the organ.
            json_values.number(values.get("kept_from", 0.0)),
        )


@dataclass(frozen=True)
class Cohort:
    """What the patients are, in words for the report.

    Attributes:
        name: such as "brain phantoms".
        phantom: made by a recipe; shown wherever figures are.
        notes: sentences for the reader.
    """

    name: str
    phantom: bool = False
    notes: tuple[str, ...] = field(default_factory=tuple)

    @classmethod
    def from_dict(cls, values: Any) -> Cohort:
        """Build it from JSON values.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another kind than it must be.
        """
        values = json_values.fields(values, json_values.anything)
        return cls(
            json_values.text(values["name"]),
            json_values.truth(values["phantom"]),
            json_values.entries(values["notes"], json_values.text),
        )


def _count(value: Any) -> int:
    return json_values.integer(value, 1, MOST_COUNTED)


def _optional_text(value: Any) -> str | None:
    return None if value is None else json_values.text(value)
