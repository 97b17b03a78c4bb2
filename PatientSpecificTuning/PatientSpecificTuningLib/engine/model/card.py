"""The model card: everything about a model that is not a weight, as read from model.json."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.json_file import read_json
from .card_check import MOTION_CORRECTIONS as MOTION_CORRECTIONS
from .card_check import REGISTRATIONS as REGISTRATIONS
from .card_check import TASKS as TASKS
from .card_check import card_problem

FORMAT_VERSION = 1
CARD_NAME = "model.json"
LONGEST_SHOWN = 80
LARGEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Pathway:
    """One pathway of the network: the MR sequence it sees and what is to be known of that sequence's channels.

    Attributes:
        channel_labels: what each channel is, such as ("b10", "b150", "b1000") or the names of phases; files whose
            names tell these b-values are put in this order. Empty where there is nothing to tell.
        key_channel: the channel, counted from 1, that stands for the sequence: pictures show it, other sequences
            and examinations are registered by it, and motion correction leaves it in place. None is the middle one.
        motion_correction: "groupwise" brings all channels into the position of the key channel, as the paper does
            with the phases of the liver; "none" takes them as they lie.
    """

    sequence: str
    channels: int = 1
    channel_labels: tuple[str, ...] = ()
    key_channel: int | None = None
    motion_correction: str = "none"

    @property
    def key_index(self) -> int:
        """Index of the key channel, counted from 0."""
        return self.channels // 2 if self.key_channel is None else self.key_channel - 1


@dataclass(frozen=True)
class Normalization:
    """How intensities are brought to one scale inside the organ mask.

    Attributes:
        clip_percentiles: intensities are clipped to these percentiles before the z-score; not looked at by "tissue".
        shared_scale: all channels of a pathway share one scale, so that enhancement curves survive.
        method: "z-score" by mean and standard deviation of the organ, or "tissue" by median and quartiles of what is
            not fluid or air, which neither the lesion load nor a sloppy organ mask moves.
    """

    clip_percentiles: tuple[float, float] = (0.5, 99.5)
    shared_scale: bool = True
    method: str = "z-score"


@dataclass(frozen=True)
class PostProcessing:
    """From lesion softmax to binary lesions (paper, "Lesion quantification on follow-up scan").

    Attributes:
        threshold: softmax from which a voxel is a lesion.
        closing: size of the closing structuring element in voxels, (3, 3, 3) in the paper.
        opening: also open with the in-plane 3 x 3 plus, as the paper does for the liver only.
    """

    threshold: float = 0.5
    closing: tuple[int, int, int] = (3, 3, 3)
    opening: bool = False


@dataclass(frozen=True)
class ModelCard:
    """What a model is, expects, was trained on, reached and may be used for.

    The defaults are the paper's network where the text fixes it; block lengths and dilation rates are the
    strictly increasing choice with two undilated and eleven dilated layers and a receptive field of 123 x 123.

    Attributes:
        missing_sequences: sequences that the network was trained to do without; a missing one becomes zeros.
        spacing_in_plane_mm: pixel size on which the network works.
        registration: how the other sequences are brought onto the first: "rigid", "bspline" (rigid, then B-spline)
            or "none".
        proposed_slices: baseline slices to correct; None for every slice with a lesion, which the liver needs
            (paper, "Number of slices").
        class_weights: loss weight of background and of lesion pixels.
        tuning_learning_rate: of patient-specific fine-tuning where nobody says otherwise, 1e-4 in the paper.
        tuning_base_slices: the base CNN keeps as much weight in the patient-specific one as so many corrected slices; 0
            in the paper.
        tuning_logit_shift: the tuned CNN's lesion logit is shifted to where the corrected slices ask for it; not so in
            the paper.
        results: figures reached on examinations that the judged weights had not seen.
    """

    name: str = "unnamed"
    version: str = "1"
    task: str = "segmentation"
    organ: str = "brain"
    pathways: tuple[Pathway, ...] = (Pathway("FLAIR"), Pathway("T1"))
    block_layers: tuple[int, ...] = (2, 2, 2, 3, 4)
    dilation_rates: tuple[int, ...] = (1, 2, 4, 5, 8)
    kernels: int = 64
    head_kernels: int = 128
    dropout: float = 0.2
    spacing_in_plane_mm: float = 0.958
    normalization: Normalization = Normalization()
    bias_correction: bool = True
    registration: str = "rigid"
    proposed_slices: int | None = 2
    missing_sequences: tuple[str, ...] = ()
    post_processing: PostProcessing = PostProcessing()
    class_weights: tuple[float, float] = (1.0, 5.0)
    tuning_learning_rate: float = 1e-4
    tuning_base_slices: float = 0.0
    tuning_logit_shift: bool = False
    training: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    attribution: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION

    @property
    def channels(self) -> int:
        """Channels of all pathways together."""
        return sum(pathway.channels for pathway in self.pathways)

    @property
    def feature_maps(self) -> int:
        """Feature maps that reach the head: every block end of every pathway (640 in the paper)."""
        return len(self.pathways) * len(self.block_layers) * self.kernels

    @property
    def receptive_field(self) -> int:
        """Side in pixels of the square that one output pixel depends on (123 in the paper)."""
        return 1 + 2 * sum(n * rate for n, rate in zip(self.block_layers, self.dilation_rates, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The card as plain lists, numbers and texts, ready for JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelCard:
        """Build a card from what `to_dict` gave.

        Raises:
            InputError: a newer format, an unknown or missing field, or values that contradict each other.
        """
        version = values.get("format_version")
        if not isinstance(version, int) or isinstance(version, bool) or version > FORMAT_VERSION:
            message = (
                f"The model card has format version {version}, this program reads up to {FORMAT_VERSION};"
                " update the extension to use this model."
            )
            raise InputError(message)
        try:
            parts = dict(values)
            parts["pathways"] = tuple(_pathway(values) for values in parts["pathways"])
            normalization = dict(parts["normalization"])
            normalization["clip_percentiles"] = tuple(normalization["clip_percentiles"])
            parts["normalization"] = Normalization(**normalization)
            post_processing = dict(parts["post_processing"])
            post_processing["closing"] = tuple(post_processing["closing"])
            parts["post_processing"] = PostProcessing(**post_processing)
            for name in _TUPLES:
                if name in parts:
                    parts[name] = tuple(parts[name])
            card = cls(**parts)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = (
                f"The model card cannot be understood ({error}); replace the model folder by an intact copy."
            )
            raise InputError(message) from error
        _check(card)
        return card


_TUPLES = ("block_layers", "dilation_rates", "class_weights", "missing_sequences", "attribution", "limits")


def _pathway(values: dict[str, Any]) -> Pathway:
    return Pathway(**{**values, "channel_labels": tuple(values.get("channel_labels", ()))})


def _check(card: ModelCard) -> None:
    problem = card_problem(card)
    if problem:
        message = f"The model card of {str(card.name)[:LONGEST_SHOWN]} is not valid: {problem}; correct {CARD_NAME} or use another model."
        raise InputError(message)


def read_model_card(folder: Path) -> ModelCard:
    """Read model.json of a model folder.

    Raises:
        InputError: the folder has no readable model card.
    """
    path = Path(folder) / CARD_NAME
    try:
        values = read_json(path, largest_bytes=LARGEST_BYTES)
    except FileNotFoundError as error:
        message = f"{folder} has no {CARD_NAME}; choose the folder of a model."
        raise InputError(message) from error
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read as JSON; replace the model folder by an intact copy."
        raise InputError(message) from error
    if not isinstance(values, dict):
        message = f"{path} does not hold a model card; replace the model folder by an intact copy."
        raise InputError(message)
    return ModelCard.from_dict(values)
