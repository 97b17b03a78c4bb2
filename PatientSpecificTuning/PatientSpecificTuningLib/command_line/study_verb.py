"""What the verb study does with its options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from typing import Any

from ..engine.errors import InputError
from ..engine.progress import Progress
from .progress_bar import cohort_bar
from .verbs import PREPARATION

if TYPE_CHECKING:
    from ..engine.study.study_folder import Study

Options = argparse.Namespace
Answer = dict[str, Any]
DEFAULT_RECIPE = "brain"


def study(options: Options, progress: Progress | None) -> Answer:
    """Run the paper's experiments on a cohort."""
    from ..engine.study.study_run import run_study

    chosen = _study(options, progress)
    if options.check:
        return {"manifest": str(options.manifest), "patients": len(chosen.patients), "problems": []}
    if options.array_script is not None:
        return _array_script(options, chosen)
    with cohort_bar(shown=progress is not None) as report:
        return run_study(chosen, _run(options), _significance(options), report=report)


def _study(options: Options, progress: Progress | None) -> Study:
    """The study of a manifest, of a recipe, or the one that the output folder holds."""
    from ..engine.study.study_folder import STUDY_NAME
    from ..engine.study.study_folder import open_study
    from ..engine.study.study_run import study_of_manifest
    from ..engine.study.study_run import study_of_recipe

    if options.manifest is not None and (options.recipe or options.quick):
        message = "A manifest and a recipe are given; use one of them."
        raise InputError(message)
    if options.manifest is not None:
        preparation = _preparation(options)
        return study_of_manifest(
            options.output, options.manifest, _design(options), preparation, name=options.name
        )
    if options.recipe or options.quick:
        return study_of_recipe(
            options.output,
            options.recipe or DEFAULT_RECIPE,
            _design(options),
            model=options.model,
            patients=options.patients,
            quick=options.quick,
            progress=progress,
        )
    if (options.output / STUDY_NAME).is_file():
        return open_study(options.output)
    message = f"{options.output} holds no study to go on with; give a manifest, --recipe brain or --quick."
    raise InputError(message)


def _design(options: Options) -> Any:
    from ..engine.study.design import Design

    return Design(
        tuple(options.iterations),
        options.reference_iterations,
        tuple(options.slices),
        options.repetitions,
        options.seed,
        options.every_pixel,
    )


def _preparation(options: Options) -> Any:
    from ..engine.study.design import Preparation

    return Preparation(**{name: getattr(options, name) for name in PREPARATION})


def _run(options: Options) -> Any:
    from ..engine.study.cluster_run import ClusterOptions
    from ..engine.study.study_run import RunOptions

    names = ("workers", "scheduler", "slurm_jobs", "gpu", "tls_ca", "tls_cert", "tls_key")
    cluster = ClusterOptions(**{name: getattr(options, name) for name in names})
    elsewhere = any(getattr(options, name) is not None for name in ("workers", "scheduler", "slurm_jobs"))
    return RunOptions(cluster if elsewhere else None, options.shard, options.keep_features)


def _significance(options: Options) -> Any:
    from ..engine.study.significance import Significance

    return Significance(options.alpha, options.correction)


def _array_script(options: Options, chosen: Study) -> Answer:
    from ..engine.study.array_job import write_array_script

    chosen.save()
    write_array_script(options.array_script, chosen.folder, options.array_jobs, gpu=options.gpu)
    return {"script": str(options.array_script), "jobs": options.array_jobs, "patients": len(chosen.patients)}
