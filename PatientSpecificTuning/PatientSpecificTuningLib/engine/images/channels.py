"""Which of the given volumes serves which channel of a pathway.

The volumes of a sequence are counted from 1 in the order in which they are given; files whose names all tell a
b-value or all tell a phase are put in the order of these numbers first. Without a mapping, files with the b-values
of the model card go to these channels, and otherwise there must be exactly one volume for each channel, in the
card's order. A mapping names for each channel the volume that serves it, so that phases which were not acquired can
be replaced by their neighbours and other orders put right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..model.card import Pathway

_START, _END = r"(?<![a-z0-9])", r"(?![a-z0-9])"
_B_VALUE = re.compile(rf"{_START}b(?:val(?:ue)?)?[ _=-]?(\d+){_END}")
_POSITION = re.compile(rf"{_START}(?:phase|ph|dynamic|dyn|dce|frame|volume|vol|channel|ch)[ _-]?(\d+){_END}")


def b_value(name: str) -> int | None:
    """The b-value in s/mm2 that a name tells, as in DWI_b150.nii.gz; None where it tells none."""
    found = _B_VALUE.findall(name.lower())
    return int(found[-1]) if found else None


def phase_number(name: str) -> int | None:
    """The position in a series that a name tells, as in phase_03.nii.gz; None where it tells none."""
    found = _POSITION.findall(name.lower())
    return int(found[-1]) if found else None


def in_series_order(paths: Sequence[Path]) -> list[Path]:
    """Files in the order of their b-values or phases where every name tells one, else as given."""
    for number_of in (b_value, phase_number):
        numbers = [number_of(path.name) for path in paths]
        if None not in numbers:
            order = sorted(range(len(paths)), key=lambda i: (numbers[i] or 0, i))
            return [paths[i] for i in order]
    return list(paths)


def volumes_for_channels(
    examination: str,
    model: str,
    pathway: Pathway,
    paths: Sequence[Path],
    counts: Sequence[int],
    wanted: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """The number of the volume, counted from 1, that serves each channel of a pathway.

    Args:
        examination: "baseline" or "followup", for the message.
        model: name of the model, for the message.
        paths: the files of the sequence, as `in_series_order` gives them.
        counts: number of volumes in each file.
        wanted: the user's mapping, None without one.

    Raises:
        InputError: the volumes do not fit the channels, or the mapping does not fit either.
    """
    given = sum(counts)
    if wanted is not None:
        _check_mapping(examination, pathway, given, wanted)
        return tuple(wanted)
    by_name = _by_b_value(pathway, paths, counts)
    if by_name is not None:
        return by_name
    if given == pathway.channels:
        return tuple(range(1, given + 1))
    told = f" ({', '.join(path.name for path in paths)})" if 1 < len(paths) <= 4 else ""
    message = (
        f"The {examination} {pathway.sequence} has {given} volume(s){told} but the model {model} needs"
        f" {described(pathway)}; give these, or say which volume serves each channel with --{examination}-channels"
        f" {pathway.sequence}={_example(given, pathway.channels)}."
    )
    raise InputError(message)


def described(pathway: Pathway) -> str:
    """A pathway's sequence with its channels, for messages."""
    if pathway.channels == 1:
        return pathway.sequence
    labels = f": {', '.join(pathway.channel_labels)}" if pathway.channel_labels else ""
    return f"{pathway.sequence} ({pathway.channels} volumes{labels})"


def channel_note(
    examination: str, pathway: Pathway, paths: Sequence[Path], chosen: Sequence[int]
) -> str | None:
    """What the user should know of volumes that serve channels they were not made for; None where all fit."""
    if tuple(chosen) != tuple(range(1, pathway.channels + 1)):
        numbers = ", ".join(map(str, chosen))
        return (
            f"The channels of the {examination} {pathway.sequence} are served by the volumes {numbers}"
            " of those given."
        )
    expected = [b_value(label) for label in pathway.channel_labels]
    found = [b_value(path.name) for path in paths]
    if None not in expected + found and len(found) == len(expected) and found != expected:
        values = ", ".join(map(str, found))
        return (
            f"The b-values {values} of the {examination} {pathway.sequence} serve as"
            f" {', '.join(pathway.channel_labels)}, with which the model was trained."
        )
    return None


def _by_b_value(pathway: Pathway, paths: Sequence[Path], counts: Sequence[int]) -> tuple[int, ...] | None:
    """Volumes by the b-values in file names, where these cover the labels of the card."""
    expected = [b_value(label) for label in pathway.channel_labels]
    found = [b_value(path.name) for path in paths]
    unclear = not expected or None in expected or set(counts) != {1} or len(set(found)) < len(found)
    if unclear or not set(expected) <= set(found):
        return None
    return tuple(found.index(value) + 1 for value in expected)


def _check_mapping(examination: str, pathway: Pathway, given: int, wanted: Sequence[int]) -> None:
    outside = [number for number in wanted if not 1 <= number <= given]
    if len(wanted) != pathway.channels:
        problem = f"names {len(wanted)} volume(s) for {described(pathway)}"
    elif outside:
        problem = f"names volume {outside[0]} of {given}"
    else:
        return
    message = (
        f"The mapping --{examination}-channels {pathway.sequence} {problem}; name one volume from 1 to {given} for"
        f" each channel, such as {_example(given, pathway.channels)}."
    )
    raise InputError(message)


def _example(given: int, channels: int) -> str:
    """The volumes spread evenly over the channels."""
    steps = max(1, channels - 1)
    return ",".join(str(1 + round(i * (given - 1) / steps)) for i in range(channels))
