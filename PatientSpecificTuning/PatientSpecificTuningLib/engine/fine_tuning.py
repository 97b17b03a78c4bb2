"""Fine-tuning on a case: patches computed ahead, and a new version of the head."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from .case.annotation import Annotation
from .case.annotation import load_annotation
from .case.case import Case
from .case.case import CaseLike
from .case.case import opened
from .errors import InputError
from .lesions.lesions import binarize
from .live_files import kept_head
from .model.card import read_model_card
from .network.device import on_best_device
from .network.model_choice import model_of_case
from .network.prepared import PreparedExamination
from .network.prepared import open_examination
from .origins import making_of
from .origins import origin_of_tuning
from .progress import Progress
from .tuning.examinations import TuningExamination
from .tuning.examinations import stacked
from .tuning.plan import AS_IN_PAPER
from .tuning.plan import DEFAULT
from .tuning.plan import EVERY_PIXEL
from .tuning.plan import NAMED_SETTINGS
from .tuning.plan import TuningSettings

if TYPE_CHECKING:
    from .network.network import DualPathwayNetwork
    from .network.tuned_head import TunedHead


@dataclass(frozen=True)
class TunedModel:
    """A tuned version of the head: its number in the case, its folder and what provenance.json says."""

    number: str
    folder: Path
    provenance: dict[str, Any]


def prepare_tuning(
    case: CaseLike,
    slices: Sequence[int],
    *,
    rotation_degrees: float = 45.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Run the base CNN on the patches that `tune` will use of these slices, before they are corrected.

    Which patches these are does not depend on what is drawn. Those of other slices are forgotten. `tune` works without
    this, it only takes longer.

    Raises:
        InputError: the baseline is not prepared, a slice shows no organ, or the disk is full.
    """
    from .network.model_folder import load_model
    from .tuning.head_trainer import load_optimizer
    from .tuning.patch_features import forget_patches
    from .tuning.patch_features import pool_patches
    from .tuning.patch_features import shorten_patches

    case = opened(case)
    settings = TuningSettings(rotation_degrees=rotation_degrees, seed=seed).for_slices(len(slices))
    _card, network = load_model(model_of_case(case))
    baseline = open_examination(case, "baseline")
    folder = patch_folder(case)
    forget_patches(folder, besides=slices, settings=settings)
    count = settings.patches_per_slice(len(slices))
    shorten_patches(folder, baseline.organ_mask, slices, count, settings)
    examination = (network, baseline.images, baseline.organ_mask)
    on_best_device(
        lambda device: pool_patches(
            *examination, slices, count, settings, folder, device=device, progress=progress
        )
    )
    load_optimizer()


def patch_folder(case: Case) -> Path:
    """Where features of the baseline's patches are kept for the next tuning."""
    return case.examination_folder("baseline") / "patches"


def tune(
    case: CaseLike,
    *,
    settings: str = DEFAULT,
    iterations: int = 100,
    learning_rate: float | None = None,
    base_slices: float | None = None,
    logit_shift: bool | None = None,
    weighting: str | None = None,
    rotation_degrees: float = 45.0,
    seed: int = 0,
    also: Sequence[CaseLike] = (),
    progress: Progress | None = None,
) -> TunedModel:
    """Fine-tune the last two layers on the corrected slices, always from the base weights.

    The new version becomes the current one. Where the same corrections and settings were tuned before, that
    version becomes current instead.

    Args:
        settings: "default", or "paper" for the paper's learning rate of 1e-4 and every pixel of patches that are
            rotated afresh, which takes minutes.
        learning_rate: of Adam, None as `settings` says; the default is the model card's.
        base_slices: the base CNN keeps as much weight in the patient-specific one as so many corrected slices, None as
            `settings` says; the default is the model card's.
        logit_shift: whether the lesion logit is shifted to where the corrected slices ask for it, None as `settings`
            says; the default is the model card's.
        also: cases of the same patient and model, whose corrected baselines are learned from as well. Nobody but the
            caller knows that they are of the same patient.

    Raises:
        InputError: nothing is annotated, no corrected slice shows a lesion, or another case is of another model or
            has the same baseline.
    """
    from .network.model_folder import load_model
    from .network.tuned_head import save_tuned_head

    case = opened(case)
    annotation = load_annotation(case)
    others = [opened(other) for other in also]
    _require_others(case, others)
    chosen = settings_of(
        case,
        settings,
        iterations=iterations,
        learning_rate=learning_rate,
        base_slices=base_slices,
        logit_shift=logit_shift,
        rotation_degrees=rotation_degrees,
        weighting=weighting,
        seed=seed,
    )
    origin = origin_of_tuning(case, annotation, chosen, others)
    if (number := case.made_before("tuned", origin)) is not None:
        return tuned_model(case, number)
    _card, network = load_model(model_of_case(case))
    start = time.monotonic()
    head = kept_head(case, origin, network)
    if head is None:
        baseline = open_examination(case, "baseline")
        head = learned_head(case, network, baseline, annotation, chosen, progress, others)
    with case.new_version("tuned", origin=origin) as folder:
        annotation.write_to(folder, case.record("baseline").working_grid)
        save_tuned_head(folder, head, {**origin, **making_of(start)})
    return tuned_model(case, str(case.current["tuned"]))


def settings_of(
    case: Case,
    named: str = DEFAULT,
    *,
    learning_rate: float | None = None,
    base_slices: float | None = None,
    logit_shift: bool | None = None,
    **given: Any,
) -> TuningSettings:
    """Settings of fine-tuning by their name, but for what is given; by default the model card says what is None.

    Raises:
        InputError: there are no settings of this name, or they cannot be used.
    """
    if named not in NAMED_SETTINGS:
        message = f"There are no settings {named}; take one of {', '.join(NAMED_SETTINGS)}."
        raise InputError(message)
    by_card = {"learning_rate": learning_rate, "base_slices": base_slices, "logit_shift": logit_shift}
    given |= {name: value for name, value in by_card.items() if value is not None}
    if named == AS_IN_PAPER:
        return TuningSettings(**EVERY_PIXEL, **given)
    return TuningSettings.of(read_model_card(model_of_case(case)), **given)


def learned_head(
    case: Case,
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    annotation: Annotation,
    settings: TuningSettings,
    progress: Progress | None,
    also: Sequence[Case] = (),
) -> TunedHead:
    """What the head becomes by the corrected slices, always from the base weights.

    Args:
        also: cases whose corrected slices are learned from as well.

    Raises:
        InputError: no corrected slice shows a lesion.
    """
    from .tuning.tuning import tune as tune_head

    examinations = [_to_tune_on(network, baseline, annotation)]
    for other in also:
        examinations.append(_to_tune_on(network, open_examination(other, "baseline"), load_annotation(other)))
    scan, store = stacked(examinations), baseline.features()
    return on_best_device(
        lambda device: tune_head(
            network,
            scan.images,
            scan.organ_mask,
            scan.labels,
            scan.slices,
            settings,
            base_prediction=scan.base_prediction,
            stored=store,
            # What is kept belongs to this baseline alone.
            patch_folder=None if also else patch_folder(case),
            device=device,
            progress=progress,
        )
    )


def _to_tune_on(
    network: DualPathwayNetwork, baseline: PreparedExamination, annotation: Annotation
) -> TuningExamination:
    predicted = binarize(baseline.base_probability, baseline.organ_mask, network.card.post_processing)
    return TuningExamination(
        baseline.images, baseline.organ_mask, annotation.labels, annotation.slices, predicted
    )


def _require_others(case: Case, others: Sequence[Case]) -> None:
    """Refuse what cannot be learned from together.

    Raises:
        InputError: another model, or one baseline twice.
    """
    seen = [case.record("baseline").fingerprint()]
    for other in others:
        if other.model != case.model:
            message = f"{other.folder} was prepared with another model; prepare it again with the model of {case.folder}."
            raise InputError(message)
        fingerprint = other.record("baseline").fingerprint()
        if fingerprint in seen:
            message = f"The baseline of {other.folder} is learned from already; name every examination once."
            raise InputError(message)
        seen.append(fingerprint)


def tuned_number(case: Case, weights: str) -> str | None:
    """The tuned version that "current", "base" or a number means; None is the base CNN.

    Raises:
        InputError: there is no such version.
    """
    if weights == "base":
        return None
    if weights == "current":
        return case.current["tuned"]
    case.version_folder("tuned", weights)
    return weights


def tuned_model(case: Case, number: str) -> TunedModel:
    """A tuned version of the case, by its number.

    Raises:
        InputError: there is no such version.
    """
    return TunedModel(number, case.version_folder("tuned", number), case.version_info("tuned", number))
