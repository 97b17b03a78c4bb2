"""What a value on the command line may be, with one sentence where it may not."""

from __future__ import annotations

import argparse

from ..engine.lesions.baseline_prior import LARGEST_PRIOR
from ..engine.network.seed import LARGEST_SEED


def slices(text: str) -> int | str:
    """A positive number, or all as it is."""
    if text == "all":
        return text
    try:
        return positive(text)
    except (ValueError, argparse.ArgumentTypeError):
        message = f"{text!r} is neither a positive number nor all"
        raise argparse.ArgumentTypeError(message) from None


def channels(text: str) -> tuple[str, tuple[int, ...]]:
    """A sequence and the numbers of its volumes, as in DCE=1,1,2,3."""
    sequence, separator, numbers = text.partition("=")
    try:
        chosen = tuple(positive(part) for part in numbers.split(","))
    except argparse.ArgumentTypeError:
        chosen = ()
    if not sequence or not separator or not chosen:
        message = f"{text!r} does not name volumes as SEQUENCE=1,2,3"
        raise argparse.ArgumentTypeError(message)
    return sequence, chosen


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = number(text)
    if value < 1:
        message = f"{text} is not a positive number"
        raise argparse.ArgumentTypeError(message)
    return value


def number(text: str) -> int:
    """A whole number from 0 on."""
    try:
        value = int(text)
    except ValueError:
        message = f"{text!r} is not a whole number"
        raise argparse.ArgumentTypeError(message) from None
    if value < 0:
        message = f"{text} is negative"
        raise argparse.ArgumentTypeError(message)
    if value > LARGEST_SEED:
        message = f"{text[:20]} is larger than {LARGEST_SEED}"
        raise argparse.ArgumentTypeError(message)
    return value


def rate(text: str) -> float:
    """A number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        message = f"{text!r} is not a number between 0 and 1"
        raise argparse.ArgumentTypeError(message)
    return value


def distance(text: str) -> float:
    """A number of millimetres from 0 on."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10_000:
        message = f"{text!r} is not a distance in mm"
        raise argparse.ArgumentTypeError(message)
    return value


def prior(text: str) -> float:
    """A logit from 0 to the largest prior of baseline lesions."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LARGEST_PRIOR:
        message = f"{text!r} is not a number from 0 to {LARGEST_PRIOR:g}"
        raise argparse.ArgumentTypeError(message)
    return value
