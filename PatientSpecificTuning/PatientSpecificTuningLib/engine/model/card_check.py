"""What a model card may say: kinds and ranges of every value, so that no card of somebody else harms."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

from ..files import json_values

if TYPE_CHECKING:
    from .card import ModelCard
    from .card import Pathway

TASKS = ("segmentation", "detection")
REGISTRATIONS = ("rigid", "bspline", "none")
MOTION_CORRECTIONS = ("none", "groupwise")
NORMALIZATIONS = ("z-score", "tissue")
MOST_PATHWAYS = 2
MOST_CHANNELS = 256
# Ten times the network of the paper on all axes would still fit a laptop's memory.
MOST_PARAMETERS = 200_000_000
LARGEST_RECEPTIVE_FIELD = 1001
_SHORT = 200
# Sequences name files and columns.
_SEQUENCE = re.compile(r"\w[\w -]{0,31}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f<>]")


def card_problem(card: ModelCard) -> str:
    """What is wrong with a card, in a few words that fit into a sentence; empty where nothing is."""
    for name, check in _FIELDS.items():
        try:
            check(getattr(card, name))
        except ValueError as error:
            return f"in {name.replace('_', ' ')}, {error}"
    return _contradiction(card) or next(filter(None, map(_pathway_problem, card.pathways)), "")


def _contradiction(card: ModelCard) -> str:
    sequences = [pathway.sequence for pathway in card.pathways]
    if len(sequences) != len(set(sequences)) or not 1 <= len(sequences) <= MOST_PATHWAYS:
        return f"it needs one or {MOST_PATHWAYS} pathways with channels, each of another sequence"
    if len(card.block_layers) != len(card.dilation_rates):
        return f"it names {len(card.block_layers)} blocks but {len(card.dilation_rates)} dilation rates"
    if not card.block_layers:
        return "it names no block of layers"
    low, high = card.normalization.clip_percentiles
    if low >= high:
        return f"it clips intensities to the percentiles {low:g} to {high:g}"
    if not set(card.missing_sequences) <= set(sequences):
        return "it can do without a sequence that it does not have"
    if card.receptive_field > LARGEST_RECEPTIVE_FIELD:
        return f"its receptive field is {card.receptive_field} pixels, more than {LARGEST_RECEPTIVE_FIELD}"
    if _parameters(card) > MOST_PARAMETERS:
        return f"its network has more than {MOST_PARAMETERS} parameters"
    return ""


def _parameters(card: ModelCard) -> int:
    """About how many weights the network has, without making it."""
    layers = sum(card.block_layers)
    inner = len(card.pathways) * layers * 9 * card.kernels**2
    return inner + 9 * card.channels * card.kernels + card.feature_maps * card.head_kernels


def _pathway_problem(pathway: Pathway) -> str:
    name, channels, labels = pathway.sequence, pathway.channels, pathway.channel_labels
    if len(labels) not in (0, channels):
        return f"{name} has {channels} channels but {len(labels)} labels"
    if pathway.key_channel is not None and not 1 <= pathway.key_channel <= channels:
        return f"the key channel of {name} is {pathway.key_channel} of {channels}"
    if pathway.motion_correction not in MOTION_CORRECTIONS:
        return f"the motion correction of {name} is not one of {', '.join(MOTION_CORRECTIONS)}"
    return ""


def _title(value: Any) -> str:
    shown = json_values.text(value, longest=_SHORT)
    if not shown.strip() or _CONTROL.search(shown):
        message = f"{shown!r} is no plain text"
        raise ValueError(message)
    return shown


def _sequence(value: Any) -> str:
    name = json_values.text(value, longest=_SHORT)
    if not _SEQUENCE.fullmatch(name):
        message = (
            f"{name!r} is no name of a sequence; letters, digits, spaces, dashes and underscores make one"
        )
        raise ValueError(message)
    return name


def _pathways(pathways: Any) -> None:
    for pathway in pathways:
        _sequence(pathway.sequence)
        if json_values.integer(pathway.channels, high=MOST_CHANNELS) < 1:
            message = "every pathway needs at least one channel"
            raise ValueError(message)
        json_values.entries(pathway.channel_labels, _title)
        if pathway.key_channel is not None:
            json_values.integer(pathway.key_channel, 0, MOST_CHANNELS)


def _normalization(value: Any) -> None:
    json_values.entries(value.clip_percentiles, _within(0, 100), count=2)
    json_values.truth(value.shared_scale)
    json_values.choice(value.method, NORMALIZATIONS)


def _post_processing(value: Any) -> None:
    json_values.number(value.threshold, 0, 1)
    json_values.entries(value.closing, _whole(1, 51), count=3)
    json_values.truth(value.opening)


def _within(low: float, high: float) -> Callable[[Any], float]:
    return lambda value: json_values.number(value, low, high)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    return lambda value: json_values.integer(value, low, high)


def _one_of(names: tuple[str, ...]) -> Callable[[Any], str]:
    return lambda value: json_values.choice(value, names)


def _list_of(check: Callable[[Any], Any], count: int | None = None) -> Callable[[Any], Any]:
    return lambda value: json_values.entries(value, check, count=count)


def _dropout(value: Any) -> None:
    if json_values.number(value, 0, 1) == 1:
        message = "1 leaves nothing of the features"
        raise ValueError(message)


def _proposed(value: Any) -> None:
    if value is not None:
        json_values.integer(value, 1, 10_000)


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "name": _title,
    "version": _title,
    "task": _one_of(TASKS),
    "organ": _sequence,
    "pathways": _pathways,
    "block_layers": _list_of(_whole(1, 64)),
    "dilation_rates": _list_of(_whole(1, 128)),
    "kernels": _whole(1, 1024),
    "head_kernels": _whole(1, 8192),
    "dropout": _dropout,
    "spacing_in_plane_mm": _within(0.1, 20),
    "normalization": _normalization,
    "bias_correction": json_values.truth,
    "registration": _one_of(REGISTRATIONS),
    "proposed_slices": _proposed,
    "missing_sequences": _list_of(_sequence),
    "post_processing": _post_processing,
    "tuning_learning_rate": _within(1e-9, 1),
    "tuning_base_slices": _within(0, 1_000),
    "tuning_logit_shift": json_values.truth,
    "class_weights": _list_of(_within(1e-6, 1e6), count=2),
    "training": lambda value: json_values.fields(value, json_values.anything),
    "results": lambda value: json_values.fields(value, json_values.anything),
    "licence": json_values.text,
    "attribution": _list_of(json_values.text),
    "limits": _list_of(json_values.text),
}
