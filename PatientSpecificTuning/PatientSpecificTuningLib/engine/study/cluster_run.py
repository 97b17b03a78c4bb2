"""Running a study on Dask workers: processes of this computer, SLURM jobs, or any scheduler such as Kubernetes'.

The code is the same everywhere. Only the folder, identifiers and names of settings travel; images are read by the
workers, so the study's folder must be on storage that all of them share.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from ..errors import InputError
from ..files.resources import PACKAGE_ROOT
from .study_folder import Study
from .study_progress import ProgressRecord
from .study_progress import Report
from .tasks import Failure
from .tasks import completion_task
from .tasks import measurement_task
from .tasks import preparation_task

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future
    from distributed.security import Security

# How many workers a task may lose under it before it counts as failed.
LOST_WORKERS = 3


@dataclass(frozen=True)
class ClusterOptions:
    """Where the workers come from; exactly one of the first three is given.

    Attributes:
        workers: processes on this computer.
        scheduler: address of a running scheduler, such as tls://host:8786.
        slurm_jobs: SLURM jobs to ask for, as Dask's own configuration file (jobqueue.slurm) describes them.
        gpu: every task takes one GPU; workers must be started with --resources "GPU=1".
        tls_ca: certificate of the authority that signed all others, PEM.
        tls_cert: certificate of this computer, PEM.
        tls_key: its private key, PEM.
    """

    workers: int | None = None
    scheduler: str | None = None
    slurm_jobs: int | None = None
    gpu: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def resources(self) -> dict[str, int]:
        """What a task takes of its worker."""
        return {"GPU": 1} if self.gpu else {}


def run_on_workers(
    study: Study,
    identifiers: Sequence[str],
    client: Client,
    *,
    resources: dict[str, int] | None = None,
    keep_features: bool = False,
    report: Report | None = None,
) -> list[Failure]:
    """Prepare and measure patients on the workers of a client; returns what failed.

    A worker that is lost loses nothing but its current task, which another worker repeats.
    """
    from distributed import as_completed

    settings = [setting.name for setting in study.design.settings()]
    record = ProgressRecord(study.folder, len(identifiers), len(identifiers) * (1 + len(settings)), report)
    complete: dict[str, str] = {}
    futures = []
    for number, patient in enumerate(identifiers):
        # One patient after the other, since the features of a patient that is not complete take gigabytes.
        options = {"resources": resources or {}, "priority": -number, "pure": False}
        steps, last = _submit(study, patient, settings, client, options, keep_features=keep_features)
        complete[str(last.key)] = patient
        futures += [*steps, last]
    failures: list[Failure] = []
    for future in as_completed(futures, raise_errors=False):
        patient_done = complete.get(str(future.key))
        if patient_done is None:
            record.step()
            continue
        found = _failures(future, patient_done)
        record.patient(len(found))
        failures += found
    return failures


def _submit(
    study: Study,
    patient: str,
    settings: Sequence[str],
    client: Client,
    options: dict[str, Any],
    *,
    keep_features: bool,
) -> tuple[list[Future], Future]:
    """The tasks of one patient, and the one that ends them."""
    folder = str(study.folder.resolve())
    prepared = client.submit(preparation_task, folder, patient, **options)
    measured = [
        client.submit(measurement_task, folder, patient, setting, prepared, **options) for setting in settings
    ]
    last = client.submit(completion_task, folder, patient, measured, keep_features=keep_features, **options)
    return [prepared, *measured], last


def _failures(future: Future, patient: str) -> list[Failure]:
    if future.status == "finished":
        return list(future.result())
    # The tasks answer with their own failures; what is left is a worker that died again and again.
    reason = future.exception() if future.status == "error" else "the task was cancelled"
    return [Failure(patient, None, f"{type(reason).__name__}: {reason}")]


@contextmanager
def connected(options: ClusterOptions) -> Iterator[Client]:
    """A client with its workers, ended together where they were started here.

    Raises:
        InputError: a package is missing, or there is no scheduler at the address.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        message = "Workers need the package distributed; install it with pip install 'dask[distributed]'."
        raise InputError(message) from error
    security = _security(options)
    with dask.config.set({"distributed.scheduler.allowed-failures": LOST_WORKERS}):
        if options.scheduler is not None:
            try:
                client = Client(options.scheduler, security=security, timeout=10)
            except (OSError, TimeoutError, ValueError) as error:
                message = (
                    f"No scheduler answers at {options.scheduler} ({error}); start it or check the address."
                )
                raise InputError(message) from error
            with client:
                yield client
            return
        with _own_cluster(options, security) as cluster, Client(cluster, security=security) as client:
            yield client


def _own_cluster(options: ClusterOptions, security: Security | None) -> Any:
    if options.slurm_jobs is None:
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=options.workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            # Features are mapped from files; Dask would count them and kill workers that need not be killed.
            memory_limit=None,
            security=security,
            resources=options.resources,
        )
    cluster = slurm_cluster(options, security)
    cluster.scale(jobs=options.slurm_jobs)
    return cluster


def slurm_cluster(options: ClusterOptions, security: Security | None = None) -> Any:
    """A cluster without jobs yet, as Dask's configuration describes them (jobqueue.slurm), where this package is found.

    Raises:
        InputError: the package is missing, or the configuration does not say what a job needs.
    """
    try:
        import dask
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        message = "SLURM jobs need the package dask-jobqueue; install it with pip install dask-jobqueue."
        raise InputError(message) from error
    prologue = [
        *(dask.config.get("jobqueue.slurm.job-script-prologue", None) or []),
        f"export PYTHONPATH={shlex.quote(str(PACKAGE_ROOT))}",
    ]
    extra = ["--resources", "GPU=1"] if options.gpu else []
    try:
        return SLURMCluster(security=security, worker_extra_args=extra, job_script_prologue=prologue)
    except ValueError as error:
        message = (
            f"SLURM jobs are not described ({error}); set cores, memory, queue and walltime under jobqueue.slurm in"
            " ~/.config/dask/jobqueue.yaml."
        )
        raise InputError(message) from error


def _security(options: ClusterOptions) -> Security | None:
    """Encrypted connections in which both sides show a certificate; None without certificates."""
    files = (options.tls_ca, options.tls_cert, options.tls_key)
    if not any(files) and not (options.scheduler or "").startswith("tls:"):
        return None
    missing = [str(file) for file in files if file is None or not file.is_file()]
    if missing:
        message = "TLS needs three files that exist, --tls-ca, --tls-cert and --tls-key; give all of them."
        raise InputError(message)
    from distributed.security import Security

    ca, cert, key = map(str, files)
    return Security(
        tls_ca_file=ca,
        tls_client_cert=cert,
        tls_client_key=key,
        tls_scheduler_cert=cert,
        tls_scheduler_key=key,
        tls_worker_cert=cert,
        tls_worker_key=key,
        require_encryption=True,
    )
