"""A patient-specific head: the weights that fine-tuning gives, in memory and on disk, never pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError
from ..files.atomic import write_bytes
from ..files.atomic import write_text
from .network import DualPathwayNetwork
from .network import Head

HEAD_NAME = "head.safetensors"
PROVENANCE_NAME = "provenance.json"


@dataclass(frozen=True)
class TunedHead:
    """What fine-tuning gives: the head's weights, beside those of the base head or not, and how the loss went."""

    state: dict[str, Tensor]
    loss_history: list[float]
    trainable_parameters: int


def beside_base(base: Head, state: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """One head whose logits are the weighted mean of those of the base head and of a tuned one.

    Their hidden units lie side by side, so it is a head like any other, of twice the width. Such a mean keeps what the
    base head knows of places that tuning saw nothing of (the output-space ensemble of Wortsman et al., Robust
    fine-tuning of zero-shot models, CVPR 2022).

    Args:
        state: weights of the tuned head.
        share: weight of the base head's logits, from 0 to below 1; 0 leaves the tuned head as it is.
    """
    if share == 0:
        return state
    own = base.state_dict()

    def joined(name: str, tuned: Tensor) -> Tensor:
        base_values = own[name].cpu()
        if name == "output.weight":
            return torch.cat([share * base_values, (1 - share) * tuned], dim=1)
        if name == "output.bias":
            return share * base_values + (1 - share) * tuned
        return torch.cat([base_values, tuned]) if tuned.ndim else tuned

    return {name: joined(name, values) for name, values in state.items()}


def tuned_head(network: DualPathwayNetwork, tuned: TunedHead) -> Head:
    """The patient-specific head, in inference mode."""
    return _head_of(network, tuned.state)


def _head_of(network: DualPathwayNetwork, state: dict[str, Tensor]) -> Head:
    units, width = len(state["hidden.weight"]), network.card.head_kernels
    if units not in (width, 2 * width):
        message = f"{units} hidden units"
        raise ValueError(message)
    head = Head(network.card, units)
    head.load_state_dict(state)
    return head.eval()


def save_head(folder: Path, tuned: TunedHead) -> None:
    """Write head.safetensors alone."""
    write_bytes(Path(folder) / HEAD_NAME, save({n: value.contiguous() for n, value in tuned.state.items()}))


def save_tuned_head(folder: Path, tuned: TunedHead, provenance: dict[str, Any]) -> None:
    """Write head.safetensors, then provenance.json, which makes the folder count."""
    save_head(folder, tuned)
    values = {
        **provenance,
        "trainable_parameters": tuned.trainable_parameters,
        "loss_history": tuned.loss_history,
    }
    write_text(Path(folder) / PROVENANCE_NAME, json.dumps(values, indent=2) + "\n")


def load_tuned_head(folder: Path, network: DualPathwayNetwork) -> Head:
    """Read a tuned head that belongs to this network, in inference mode.

    Raises:
        InputError: the weights are missing, damaged or belong to another model.
    """
    path = Path(folder) / HEAD_NAME
    try:
        state = load_file(path)
        if not all(bool(value.isfinite().all()) for value in state.values()):
            message = "NaN or infinite weights"
            raise ValueError(message)
        return _head_of(network, state)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        message = f"The tuned weights in {path} are damaged or belong to another model; tune again."
        raise InputError(message) from error
