"""Reads what the state is computed from: parameters, chosen nodes, model, case and corrections."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..engine.errors import InputError
from ..engine.model.card import ModelCard
from ..engine.network.model_choice import DEFAULT_MODEL
from .case_folder import casesFolder
from .case_folder import isCasesFolderChosen
from .models import Models
from .parameters import BY_MODEL
from .scene import corrections as correctionNodes
from .scene.node_facts import NodeReader
from .scene.node_facts import segmentationStamp
from .scene.shown_channel import shownVolume
from .situation.case_facts import CaseReader
from .situation.cases import caseId
from .situation.correct_state import wantedSlices
from .situation.facts import CaseFacts
from .situation.facts import CorrectionFacts
from .situation.facts import Facts
from .situation.facts import ImageFacts
from .situation.facts import Settings
from .situation.problems import LESIONS
from .situation.problems import MASK
from .situation.problems import PARTS
from .situation.problems import inputProblems
from .situation.review_state import shownVersion
from .situation.state import BASELINE
from .situation.state import CORRECT
from .situation.state import EXAMINATIONS


class FactReader:
    """Remembers by time stamps, so that looking again costs milliseconds."""

    def __init__(self) -> None:
        self.models = Models()
        self._nodes, self._cases = NodeReader(), CaseReader()
        self._drawn: tuple[Any, dict] = (None, {})

    def forget(self) -> None:
        """Another scene: its nodes may have the same ids."""
        self._nodes.forget()
        self._drawn = (None, {})

    def chosenNodes(self, parameters) -> Iterator[Any]:
        """Every node that is chosen."""
        for examination in EXAMINATIONS:
            for part in (*PARTS, MASK, LESIONS):
                node = getattr(parameters, f"{examination}{part}")
                if node is not None:
                    yield node

    def readNext(self, parameters) -> bool:
        """Read the voxels of one chosen node that are not known yet; returns whether there was such a node."""
        for examination in EXAMINATIONS:
            nodes = {part: getattr(parameters, f"{examination}{part}") for part in (*PARTS, MASK, LESIONS)}
            reference = nodes[PARTS[0]] or nodes[PARTS[1]]
            for part in PARTS:
                if nodes[part] is not None and not self._nodes.isImageKnown(nodes[part]):
                    self._nodes.image(nodes[part])
                    return True
            for part in (MASK, LESIONS):
                if nodes[part] is not None and not self._nodes.isMaskKnown(nodes[part], reference):
                    self._nodes.mask(nodes[part], reference)
                    return True
        return False

    def read(self, parameters, stage) -> Facts:
        """Everything that can be told now.

        Args:
            stage: knows what the views show.
        """
        settings = _settings(parameters)
        facts = Facts(
            images=self._images(parameters),
            model=parameters.model or DEFAULT_MODEL,
            models=self.models.choices(),
            settings=settings,
            casesFolder=str(casesFolder()),
            isCasesFolderChosen=isCasesFolderChosen(),
            isUsersLayout=stage.isUsersLayout,
        )
        try:
            facts = dataclasses.replace(facts, card=self.models.card(parameters.model))
        except InputError as error:
            return dataclasses.replace(facts, modelProblem=str(error))
        facts = dataclasses.replace(facts, shownIds=self._shownIds(parameters, facts.card))
        if not inputProblems(facts.images, facts.card):
            facts = dataclasses.replace(facts, case=self._case(facts, settings))
        return self._withCorrections(facts, parameters, stage)

    def caseFolder(self, facts: Facts) -> Path:
        """The only folder in which the chosen images may be worked on.

        Raises:
            InputError: the model is not on this computer.
        """
        card = self.models.card(facts.model)
        registration, motion = facts.settings.registration, facts.settings.motionCorrection
        prepared = {
            "registration": card.registration if registration == BY_MODEL else registration,
            "motion correction": "" if motion == BY_MODEL else motion,
        }
        name = caseId(facts.images, card, self.models.sha256(facts.model), prepared)
        return casesFolder() / name

    def _images(self, parameters) -> dict[str, ImageFacts]:
        images = {}
        for examination in EXAMINATIONS:
            nodes = {part: getattr(parameters, f"{examination}{part}") for part in (*PARTS, MASK, LESIONS)}
            for part in PARTS:
                if nodes[part] is not None:
                    images[f"{examination}{part}"] = self._nodes.image(nodes[part])
            for part in (MASK, LESIONS):
                if nodes[part] is not None:
                    reference = nodes[PARTS[0]] or nodes[PARTS[1]]
                    images[f"{examination}{part}"] = self._nodes.mask(nodes[part], reference)
        return images

    def _shownIds(self, parameters, card: ModelCard) -> dict[str, str]:
        number = parameters.shownChannel
        channel = number - 1 if number > 0 else card.pathways[0].key_index
        found = {}
        for examination in EXAMINATIONS:
            node = getattr(parameters, f"{examination}{PARTS[0]}")
            if node is not None and self._nodes.image(node).content:
                found[examination] = shownVolume(node, channel).GetID()
        return found

    def _case(self, facts: Facts, settings: Settings) -> CaseFacts:
        return self._cases.read(
            self.caseFolder(facts), settings, lambda versions: shownVersion(versions, settings.result)
        )

    def _withCorrections(self, facts: Facts, parameters, stage) -> Facts:
        first = facts.images.get(f"{BASELINE}{PARTS[0]}")
        node = parameters.corrections
        if first is None or not first.content:
            return facts
        if node is None or not correctionNodes.belongsTo(node, first.content):
            node = correctionNodes.findCorrections(first.content)
        if node is None:
            return facts
        found = correctionNodes.remembered(node)
        facts = dataclasses.replace(facts, corrections=found)
        grid = None if facts.case is None else facts.case.workingGrid
        if grid is None or first.grid is None:
            return facts
        found = self._withSlices(found, node, first, grid, wantedSlices(facts, found.marks, found.added))
        shown = stage.shownSlice(grid) if facts.settings.step == CORRECT else None
        return dataclasses.replace(facts, corrections=found, shownSlice=shown)

    def _withSlices(
        self, found: CorrectionFacts, node, first: ImageFacts, grid, positions: tuple[int, ...]
    ) -> CorrectionFacts:
        stamp = (node.GetID(), segmentationStamp(node), positions)
        if self._drawn[0] != stamp:
            contents = correctionNodes.contents(node, first.grid, grid, positions)
            self._drawn = (stamp, contents)
        return dataclasses.replace(found, slices=self._drawn[1])


def _settings(parameters) -> Settings:
    names = [field.name for field in dataclasses.fields(Settings)]
    return Settings(**{name: getattr(parameters, name) for name in names})
