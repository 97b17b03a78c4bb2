"""One patient in one setting: prepare once, tune, segment the follow-up, judge it, keep the figures.

Everything goes through files. Doing it again does nothing, unless images, labels, model or setting changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import workflow
from ..case.annotation import labels_on_working_grid
from ..case.case import Case
from ..errors import InputError
from ..files.atomic import write_text
from ..files.content_hash import content_hash
from ..fine_tuning import patch_folder
from ..images.scan_files import ExaminationFiles
from ..lesions.extent_uncertainty import ExtentCounter
from ..lesions.extent_uncertainty import lesion_zones
from ..lesions.lesions import binarize
from ..lesions.lesions import label_lesions
from ..network.device import on_best_device
from ..network.model_choice import choose_model
from ..network.model_choice import model_identity
from ..network.prepared import PreparedExamination
from ..network.prepared import open_examination
from ..tuning.plan import TuningSettings
from ..tuning.slice_proposal import propose_slices
from .design import Setting
from .measures import FollowupLesions
from .measures import followup_measures
from .outcome_check import is_whole
from .study_folder import Study
from .study_folder import open_study

if TYPE_CHECKING:
    from ..network.features import FeatureStore
    from ..network.network import DualPathwayNetwork
    from ..network.network import Head

OUTCOME_VERSION = 2
Mask = NDArray[np.bool_]


def prepare_patient(folder: Path, identifier: str) -> None:
    """Preprocess both examinations and compute the features that all settings share; nothing for a complete patient.

    Raises:
        InputError: the patient's images cannot be used.
    """
    study = open_study(folder)
    patient = study.patient(identifier)
    study.require_inside(identifier)
    if None not in current_outcomes(study, identifier).values():
        return
    case = workflow.prepare(
        study.case_folder(identifier),
        baseline=patient.baseline,
        followup=patient.followup,
        **asdict(study.preparation),
        with_change=False,
    )
    if not study.design.every_pixel:
        _pool_patches(study, case, identifier)


def measure(folder: Path, identifier: str, setting_name: str) -> None:
    """Measure one setting of one prepared patient and write its figures.

    Raises:
        InputError: the patient's labels cannot be used, or the patient is not prepared.
    """
    study = open_study(folder)
    study.require_inside(identifier)
    setting = study.design.setting(setting_name)
    origin = _origin(study, identifier)
    if _current_outcome(study, identifier, setting, origin) is not None:
        return
    case = Case.open(study.case_folder(identifier))
    values: dict[str, Any] = {"patient": identifier, "origin": {**origin, "setting": asdict(setting)}}
    values |= _measured(study, case, identifier, setting)
    write_text(study.outcome_path(identifier, setting.name), json.dumps(values, indent=2) + "\n")


def _pool_patches(study: Study, case: Case, identifier: str) -> None:
    """Features of every patch that a setting will use, so that settings only read what they share."""
    from ..network.model_folder import load_model

    card, network = load_model(choose_model(study.preparation.model))
    baseline = open_examination(case, "baseline")
    labels = _baseline_labels(study, case, identifier)
    chosen = {s: _corrected_slices(baseline, labels, s) for s in study.design.settings() if s.iterations}
    # Few slices need more patches of each; where many slices come later, they find theirs among these.
    for setting, slices in sorted(chosen.items(), key=lambda item: len(item[1])):
        _pool(network, baseline, slices, study.design.tuning(setting, card.task), patch_folder(case))


def _pool(
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    slices: list[int],
    settings: TuningSettings,
    folder: Path,
) -> None:
    from ..tuning.patch_features import pool_patches

    count = settings.patches_per_slice(len(slices))
    settings = settings.for_slices(len(slices))
    examination = (network, baseline.images, baseline.organ_mask)
    on_best_device(lambda device: pool_patches(*examination, slices, count, settings, folder, device=device))


def current_outcomes(study: Study, identifier: str) -> dict[str, dict[str, Any] | None]:
    """What was measured of a patient by setting; None where it is missing or was made from something else.

    Raises:
        InputError: the patient's files cannot be read.
    """
    origin = _origin(study, identifier)
    return {s.name: _current_outcome(study, identifier, s, origin) for s in study.design.settings()}


def _current_outcome(
    study: Study, identifier: str, setting: Setting, origin: dict[str, Any]
) -> dict[str, Any] | None:
    outcome = study.outcome(identifier, setting.name)
    wanted = {**origin, "setting": asdict(setting)}
    if outcome is None or outcome.get("origin") != wanted or not is_whole(outcome):
        return None
    return outcome


def _origin(study: Study, identifier: str) -> dict[str, Any]:
    """Everything but the setting that decides the figures of a patient, as JSON values."""
    design = study.design.to_dict()
    preparation = {name: value for name, value in asdict(study.preparation).items() if name != "model"}
    origin = {
        "outcome_version": OUTCOME_VERSION,
        "model": model_identity(choose_model(study.preparation.model))["sha256"],
        "images": {name: _hash(files) for name, files in study.patient(identifier).examinations.items()},
        "design": {name: design[name] for name in ("repetitions", "seed", "every_pixel")},
        "preparation": preparation,
    }
    return dict(json.loads(json.dumps(origin)))


def _hash(files: ExaminationFiles) -> str:
    """The content of all files of an examination, and which volumes of them are used where that is said."""
    paths = [path for sequence in sorted(files.sequences) for path in files.sequences[sequence]]
    paths += [path for path in (files.organ_mask, files.lesions) if path is not None]
    chosen = [f"{sequence} {numbers}" for sequence, numbers in sorted(files.channels.items())]
    return " ".join([content_hash(paths, "image").sha256, *chosen])


def _measured(study: Study, case: Case, identifier: str, setting: Setting) -> dict[str, Any]:
    """Slices and figures; figures are None with the reason where no lesion can be learned from."""
    from ..network.model_folder import load_model

    _card, network = load_model(choose_model(study.preparation.model))
    baseline = open_examination(case, "baseline")
    labels = _baseline_labels(study, case, identifier)
    slices = _corrected_slices(baseline, labels, setting)
    if setting.iterations and not labels[slices].any():
        reason = "none of the selected slices shows a lesion, so there is nothing to learn from"
        return {"slices": slices, "undefined": reason, "measures": None}
    head = network.head
    if setting.iterations:
        head = _tuned(study, case, network, baseline, labels, slices, setting)
    return {"slices": slices, "undefined": None, "measures": _judged(study, case, identifier, head, setting)}


def _baseline_labels(study: Study, case: Case, identifier: str) -> Mask:
    """Known lesions of the baseline inside the organ mask, on its working grid."""
    path = Path(str(study.patient(identifier).baseline.lesions))
    return (
        labels_on_working_grid(case, path, "lesion labelmap") & open_examination(case, "baseline").organ_mask
    )


def _corrected_slices(baseline: PreparedExamination, labels: Mask, setting: Setting) -> list[int]:
    """The slices that the setting corrects, by the paper's selection ("Number of slices"); none for the base CNN."""
    if setting.iterations == 0:
        return []
    if not labels.any():
        message = "The baseline shows no lesion inside the organ mask; there is nothing to learn from."
        raise InputError(message)
    proposals = propose_slices(
        baseline.base_probability,
        baseline.organ_mask,
        count=setting.slices,
        among=setting.among,
        lesion_labels=labels,
    )
    return sorted(proposal.slice for proposal in proposals)


def _tuned(
    study: Study,
    case: Case,
    network: DualPathwayNetwork,
    baseline: PreparedExamination,
    labels: Mask,
    slices: list[int],
    setting: Setting,
) -> Head:
    from ..network.tuned_head import tuned_head
    from ..tuning.tuning import tune

    card = network.card
    predicted = binarize(baseline.base_probability, baseline.organ_mask, card.post_processing)
    tuned = on_best_device(
        lambda device: tune(
            network,
            baseline.images,
            baseline.organ_mask,
            labels,
            slices,
            study.design.tuning(setting, card.task),
            base_prediction=predicted,
            patch_folder=patch_folder(case),
            device=device,
        )
    )
    return tuned_head(network, tuned)


def _judged(study: Study, case: Case, identifier: str, head: Head, setting: Setting) -> dict[str, Any]:
    """What the head finds in the follow-up, compared with the known lesions there."""
    from ..network.prediction import predict_probability

    followup = open_examination(case, "followup")
    store = followup.features()
    probability = on_best_device(lambda device: predict_probability(head, store, device=device))
    lesions = binarize(probability, followup.organ_mask, study.card.post_processing)
    deviation = extent = None
    if setting.uncertainty:
        deviation, extent = on_best_device(lambda d: _sampled(study, followup, head, store, lesions, d))
    grids = followup.record.working_grid, followup.record.user_grid
    found = FollowupLesions(lesions, deviation, extent, *grids)
    return followup_measures(found, Path(str(study.patient(identifier).followup.lesions)))


def _sampled(
    study: Study, followup: PreparedExamination, head: Head, store: FeatureStore, lesions: Mask, device: str
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Standard deviation of the softmax under dropout, and the uncertainty of each lesion's extent."""
    from ..lesions.uncertainty import monte_carlo_dropout

    labels = label_lesions(lesions)
    zones = lesion_zones(labels, followup.record.working_grid.spacing[::-1])[store.kept]
    repetitions, seed = study.design.repetitions, study.design.seed
    threshold = study.card.post_processing.threshold
    extent = ExtentCounter(zones, int(labels.max(initial=0)), threshold, repetitions)
    _mean, deviation = monte_carlo_dropout(
        head, store, repetitions=repetitions, seed=seed, extent=extent, device=device
    )
    return deviation, extent.uncertainty()
