"""The whole study: check the cohort, measure every patient in every setting, write tables, plots and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cohort.manifest import read_cohort
from ..cohort.recipes import RECIPES
from ..cohort.recipes import make_cohort
from ..errors import InputError
from ..model.card import read_model_card
from ..network.model_choice import choose_model
from ..network.model_choice import model_of_organ
from ..progress import Progress
from .cluster_run import ClusterOptions
from .cluster_run import connected
from .cluster_run import run_on_workers
from .design import Cohort
from .design import Design
from .design import Preparation
from .local_run import run_here
from .shard import Shard
from .significance import Significance
from .study_folder import Study
from .study_folder import absolute
from .study_progress import Report
from .study_results import collect
from .study_results import write_results
from .tasks import Failure


@dataclass(frozen=True)
class RunOptions:
    """How a study runs, which changes none of its figures.

    Attributes:
        cluster: Dask workers, None for this process.
        shard: this share of the patients only, without tables.
        keep_features: do not remove the case folders of complete patients.
    """

    cluster: ClusterOptions | None = None
    shard: Shard | None = None
    keep_features: bool = False


def study_of_manifest(
    output: Path, manifest: Path, design: Design, preparation: Preparation, *, name: str | None = None
) -> Study:
    """A study of the patients of a manifest, which is checked completely.

    Raises:
        InputError: the manifest has problems; the message lists all of them.
    """
    card = read_model_card(choose_model(preparation.model))
    patients = read_cohort(manifest, card, missing_sequence=preparation.missing_sequence)
    return Study(output, Cohort(name or manifest.stem), design, preparation, absolute(patients))


def study_of_recipe(
    output: Path,
    recipe_name: str,
    design: Design,
    *,
    model: str | None = None,
    patients: int | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> Study:
    """A study of phantom patients, which are made first.

    Raises:
        InputError: there is no such recipe or model.
    """
    if recipe_name not in RECIPES:
        message = f"There is no recipe {recipe_name!r}; use one of {', '.join(RECIPES)}."
        raise InputError(message)
    recipe = RECIPES[recipe_name]
    # The sequences of a phantom lie on one grid, and no volume was moved by breathing that needs it.
    preparation = Preparation(
        model or model_of_organ(recipe.organ).name, registration="none", motion_correction="none"
    )
    card = read_model_card(choose_model(preparation.model))
    count = patients or (recipe.quick_patients if quick else recipe.patients)
    manifest = make_cohort(recipe, output / "cohort", count, quick=quick, progress=progress)
    found = read_cohort(manifest, card, missing_sequence=preparation.missing_sequence)
    cohort = Cohort(f"{'small ' if quick else ''}{recipe.organ} phantoms", phantom=True)
    return Study(output, cohort, design, preparation, absolute(found))


def run_study(
    study: Study,
    run: RunOptions | None = None,
    significance: Significance | None = None,
    *,
    report: Report | None = None,
) -> dict[str, Any]:
    """Measure what is missing and write the results.

    Returns:
        patients, failures, and the files to open; of a shard only what it did.

    Raises:
        InputError: no patient could be measured, or workers cannot be had.
    """
    run, significance = run or RunOptions(), significance or Significance()
    study.save()
    identifiers = [patient.identifier for patient in study.patients]
    if run.shard is not None:
        share = run.shard.share(identifiers)
        failures = run_here(study, share, keep_features=run.keep_features, report=report)
        return {"patients": share, "failed": [str(failure) for failure in failures]}
    failures = _measure(study, identifiers, run, report)
    results = collect(study, significance)
    if not results.patients:
        message = f"No patient could be measured completely: {'; '.join(map(str, failures))}"
        raise InputError(message)
    files = write_results(study, results, failures, significance)
    return {
        "patients": len(results.patients),
        "failed": [str(failure) for failure in failures],
        "uncertainty": [entry.sentence(significance.alpha) for entry in results.uncertainty],
        "files": [str(file) for file in files],
    }


def _measure(
    study: Study, identifiers: Sequence[str], run: RunOptions, report: Report | None
) -> list[Failure]:
    if run.cluster is None:
        return run_here(study, identifiers, keep_features=run.keep_features, report=report)
    with connected(run.cluster) as client:
        return run_on_workers(
            study,
            identifiers,
            client,
            resources=run.cluster.resources,
            keep_features=run.keep_features,
            report=report,
        )
