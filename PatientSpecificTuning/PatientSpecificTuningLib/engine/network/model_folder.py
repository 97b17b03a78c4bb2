"""Models on disk: a folder with model.json and weights.safetensors, never pickle."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save

from ..errors import InputError
from ..files.atomic import write_bytes
from ..files.atomic import write_text
from ..files.resources import RESOURCES
from ..model.card import CARD_NAME
from ..model.card import ModelCard
from ..model.card import read_model_card
from .network import DualPathwayNetwork

WEIGHTS_NAME = "weights.safetensors"


def save_model(folder: Path, card: ModelCard, network: DualPathwayNetwork) -> None:
    """Write weights (float32) and then the card, so that a folder with a card is complete."""
    folder = Path(folder)
    state = {
        name: value.detach().to("cpu").contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    write_bytes(folder / WEIGHTS_NAME, save(state))
    write_text(folder / CARD_NAME, json.dumps(card.to_dict(), indent=2) + "\n")


def load_model(folder: Path) -> tuple[ModelCard, DualPathwayNetwork]:
    """Read a model folder; the network comes back in inference mode on the CPU.

    Raises:
        InputError: no card, no weights, damaged weights, or weights that do not fit the card.
    """
    folder = Path(folder)
    card = read_model_card(folder)
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        message = (
            f"The model {card.name} in {folder} has no {WEIGHTS_NAME}; replace the folder by an intact copy."
        )
        raise InputError(message)
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        message = f"The weights of the model {card.name} are damaged ({path}); replace the folder by an intact copy."
        raise InputError(message) from error
    network = DualPathwayNetwork(card)
    expected = {
        name: value.shape for name, value in network.state_dict().items() if "num_batches" not in name
    }
    found = {name: value.shape for name, value in state.items()}
    if expected != found or not all(torch.isfinite(value).all() for value in state.values()):
        message = f"The weights in {path} do not fit the model card of {card.name}; replace the folder by an intact copy."
        raise InputError(message)
    network.load_state_dict(state, strict=False)
    return card, network.eval()


def shipped_models() -> dict[str, Path]:
    """Folders of the models that come with the extension, by folder name."""
    models = RESOURCES / "Models"
    return {card.parent.name: card.parent for card in sorted(models.glob(f"*/{CARD_NAME}"))}
