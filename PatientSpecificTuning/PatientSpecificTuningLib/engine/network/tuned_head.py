"""A patient-specific head: the weights that fine-tuning gives, in memory and on disk, never pickle."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """What fine-tuning gives: the head's weights and how the loss went."""

    state: dict[str, Tensor]
    loss_history: list[float]
    trainable_parameters: int


def tuned_head(network: DualPathwayNetwork, tuned: TunedHead) -> Head:
    """The patient-specific head, in inference mode."""
    head = copy.deepcopy(network.head).cpu()
    head.load_state_dict(tuned.state)
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
    head = copy.deepcopy(network.head).cpu()
    try:
        state = load_file(path)
        if not all(bool(value.isfinite().all()) for value in state.values()):
            message = "NaN or infinite weights"
            raise ValueError(message)
        head.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        message = f"The tuned weights in {path} are damaged or belong to another model; tune again."
        raise InputError(message) from error
    return head.eval()
