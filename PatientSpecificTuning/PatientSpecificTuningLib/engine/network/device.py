"""Where the network runs: on a GPU where there is one with enough memory, otherwise on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Outcome = TypeVar("Outcome")


def best_device() -> str:
    """ "cuda" where torch finds a usable GPU, otherwise "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def on_best_device(action: Callable[[str], Outcome]) -> Outcome:
    """Run something on the best device, and again on the CPU where the GPU's memory is too small.

    Args:
        action: takes "cuda" or "cpu"; must be able to begin again.
    """
    import torch

    device = best_device()
    if device == "cpu":
        return action(device)
    try:
        return action(device)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
    return action("cpu")


def describe_device() -> str:
    """The best device in words, for the user."""
    import torch

    if best_device() == "cuda":
        return f"GPU {torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"
