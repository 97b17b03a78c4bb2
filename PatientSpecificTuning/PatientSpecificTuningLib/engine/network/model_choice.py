"""Which base model a case uses: chosen by folder or name, recognised again by its content."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..case.case import Case
from ..errors import InputError
from ..files.content_hash import content_hash
from ..files.resources import RESOURCES
from ..model.card import CARD_NAME
from ..model.card import read_model_card

MODELS = RESOURCES / "Models"
DEFAULT_MODEL = "BrainWhiteMatterLesions"


def choose_model(model: str | Path | None = None) -> Path:
    """The folder of a model.

    Args:
        model: a model folder, the folder name of a shipped model, or None for the default shipped model.

    Raises:
        InputError: there is no such model.
    """
    if model is not None and (Path(model) / CARD_NAME).is_file():
        return Path(model)
    shipped = MODELS / (DEFAULT_MODEL if model is None else str(model))
    if (shipped / CARD_NAME).is_file():
        return shipped
    names = ", ".join(sorted(card.parent.name for card in MODELS.glob(f"*/{CARD_NAME}"))) or "none"
    message = f"There is no model {model or DEFAULT_MODEL}; give a folder with {CARD_NAME} or a shipped model ({names})."
    raise InputError(message)


def model_of_organ(organ: str) -> Path:
    """The folder of a shipped model for an organ, the default model where it fits.

    Raises:
        InputError: no shipped model is for this organ.
    """
    folders = sorted(card.parent for card in MODELS.glob(f"*/{CARD_NAME}"))
    fitting = [folder for folder in folders if read_model_card(folder).organ == organ.lower()]
    for folder in fitting:
        if folder.name == DEFAULT_MODEL:
            return folder
    if not fitting:
        message = f"No model for the {organ.lower()} comes with the extension; give one with --model."
        raise InputError(message)
    return fitting[0]


def model_identity(folder: Path) -> dict[str, str]:
    """Name, version, folder and content hash of a model, as a case keeps them.

    Raises:
        InputError: the folder holds no readable model card.
    """
    card = read_model_card(folder)
    files = sorted(f for f in Path(folder).iterdir() if f.suffix in (".json", ".safetensors"))
    digest = content_hash(files, "model file").sha256
    return {
        "name": card.name,
        "version": card.version,
        "folder": str(Path(folder).resolve()),
        "sha256": digest,
    }


def model_of_case(case: Case) -> Path:
    """The folder of the model that a case was made with, also after the case moved to another machine.

    Raises:
        InputError: neither the recorded folder nor a shipped model has the same content.
    """
    wanted = case.model.get("sha256")
    candidates = [
        Path(case.model.get("folder", "")),
        *(card.parent for card in MODELS.glob(f"*/{CARD_NAME}")),
    ]
    for folder in candidates:
        # One that is damaged, or may not be read, is none of them.
        with suppress(InputError, OSError, ValueError):
            if (folder / CARD_NAME).is_file() and model_identity(folder)["sha256"] == wanted:
                return folder
    message = (
        f"The model {case.model.get('name')} that {case.folder} was made with is not in {case.model.get('folder')} any"
        " more or has changed; bring it back or prepare a new case folder."
    )
    raise InputError(message)
