"""A patient-specific head: the weights that fine-tuning gives, in memory and on disk, never pickle."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from ..files.atomic import replace_when_complete
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


def save_tuned_head(folder: Path, tuned: TunedHead, provenance: dict[str, Any]) -> None:
    """Write head.safetensors, then provenance.json, which makes the folder count."""
    with replace_when_complete(Path(folder) / HEAD_NAME) as temporary:
        save_file({name: value.contiguous() for name, value in tuned.state.items()}, temporary)
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
        head.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        message = f"The tuned weights in {path} are damaged or belong to another model; tune again."
        raise InputError(message) from error
    return head.eval()
