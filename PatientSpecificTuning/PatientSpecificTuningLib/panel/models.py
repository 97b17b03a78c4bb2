"""The base models that can be chosen: those that came with the extension and folders that the user added."""

from __future__ import annotations

from pathlib import Path

import qt

from ..engine.errors import InputError
from ..engine.model.card import CARD_NAME
from ..engine.model.card import ModelCard
from ..engine.model.card import read_model_card
from ..engine.network.model_choice import DEFAULT_MODEL
from ..engine.network.model_choice import MODELS
from ..engine.network.model_choice import model_identity
from ..engine.network.model_choice import model_of_organ
from .situation.state import ModelChoice
from .situation.words import tr as _

ADDED_MODELS = "PatientSpecificTuning/AddedModels"


class Models:
    """Finds models by a key that means the same on every computer: a shipped folder's name, or the hash of the content."""

    def __init__(self) -> None:
        self._folders: dict[str, Path] = {}
        self._choices: tuple[ModelChoice, ...] | None = None
        self._cards: dict[Path, tuple[int, ModelCard, str]] = {}

    def choices(self) -> tuple[ModelChoice, ...]:
        """All models; one that cannot be read says why and keeps its place."""
        if self._choices is None:
            shipped = [card.parent for card in sorted(MODELS.glob(f"*/{CARD_NAME}"))]
            added = [Path(line) for line in addedFolders()]
            self._choices = tuple(self._choice(folder, folder.parent == MODELS) for folder in shipped + added)
        return self._choices

    def folder(self, key: str) -> Path:
        """The folder of a model; an empty key is the default one.

        Raises:
            InputError: it is not on this computer.
        """
        self.choices()
        if (key or DEFAULT_MODEL) not in self._folders:
            message = _("The model {key} of this scene is not on this computer; choose or add a model.")
            raise InputError(message.format(key=key))
        return self._folders[key or DEFAULT_MODEL]

    def card(self, key: str) -> ModelCard:
        """The card of a model.

        Raises:
            InputError: it is not on this computer, or damaged.
        """
        return self._read(self.folder(key))[1]

    def sha256(self, key: str) -> str:
        """The content of a model.

        Raises:
            InputError: it is not on this computer, or damaged.
        """
        return self._read(self.folder(key))[2]

    def keyOfOrgan(self, organ: str) -> str:
        """The shipped model for an organ.

        Raises:
            InputError: there is none.
        """
        name = model_of_organ(organ).name
        return "" if name == DEFAULT_MODEL else name

    def add(self, folder: Path) -> str:
        """Offer a folder from now on, and return its key.

        Raises:
            InputError: it is no folder of a model.
        """
        key = self._read(folder)[2]
        kept = [line for line in addedFolders() if Path(line) != folder]
        qt.QSettings().setValue(ADDED_MODELS, "\n".join([*kept, str(folder)]))
        self._choices = None
        return key

    def _choice(self, folder: Path, isShipped: bool) -> ModelChoice:
        try:
            _time, card, sha256 = self._read(folder)
        # A folder of somebody else may hold anything, and must not keep the panel from opening.
        except Exception as error:
            return ModelChoice(str(folder), folder.name, "", "", problem=str(error))
        key = folder.name if isShipped else sha256
        self._folders[key] = folder
        return ModelChoice(key, card.name, described(card), card.organ)

    def _read(self, folder: Path) -> tuple[int, ModelCard, str]:
        card = read_model_card(folder)
        stamp = max(file.stat().st_mtime_ns for file in folder.iterdir())
        if folder not in self._cards or self._cards[folder][0] != stamp:
            self._cards[folder] = (stamp, card, model_identity(folder)["sha256"])
        return self._cards[folder]


def addedFolders() -> list[str]:
    """The folders that the user added."""
    return [line for line in str(qt.QSettings().value(ADDED_MODELS, "") or "").split("\n") if line]


def described(card: ModelCard) -> str:
    """What a model is for, what it has learned from, what it reached and its limits; plain text."""
    sequences = " + ".join(pathway.sequence for pathway in card.pathways)
    lines = [_("For {sequences} of the {organ}.").format(sequences=sequences, organ=card.organ)]
    data, summary = card.training.get("data"), card.results.get("summary")
    if data:
        lines.append(_("Learned from: {data}.").format(data=data))
    if summary:
        lines.append(_("Reached on patients it had not seen: {summary}.").format(summary=summary))
    return "\n".join([*lines, *card.limits])
