"""Dask workers give the tables that one process gives, also when one of them is killed in the middle."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cohorts import tiny_study
from cohorts import write_cohort
from conftest import REPOSITORY
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.study.cluster_run import ClusterOptions
from PatientSpecificTuningLib.engine.study.cluster_run import _security
from PatientSpecificTuningLib.engine.study.cluster_run import _submit
from PatientSpecificTuningLib.engine.study.cluster_run import connected
from PatientSpecificTuningLib.engine.study.cluster_run import run_on_workers
from PatientSpecificTuningLib.engine.study.cluster_run import slurm_cluster
from PatientSpecificTuningLib.engine.study.study_run import run_study

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", lesion_bias=-2.3)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"), patients=2)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, cohort: Path, model: Path) -> bytes:
    output = tmp_path_factory.mktemp("here")
    run_study(tiny_study(output, cohort, model))
    return (output / "tables.json").read_bytes()


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with connected(ClusterOptions(workers=2)) as client:
        client.wait_for_workers(2, timeout=120)
        yield client


def _tables(output: Path, cohort: Path, model: Path) -> bytes:
    """The tables after a run in this process, which measures nothing that is there already."""
    before = {path: path.stat().st_mtime_ns for path in output.glob("patients/*/*.json")}
    run_study(tiny_study(output, cohort, model))
    assert {path: path.stat().st_mtime_ns for path in output.glob("patients/*/*.json")} == before
    return (output / "tables.json").read_bytes()


@pytest.mark.long
def test_two_workers_give_the_same_tables_as_one_process(tmp_path, cohort, model, expected, client):
    study = tiny_study(tmp_path, cohort, model)
    study.save()
    reports: list[tuple[int, int]] = []
    failures = run_on_workers(
        study,
        ["p1", "p2"],
        client,
        report=lambda state: reports.append((state.patients_done, state.steps_done)),
    )
    assert failures == []
    assert reports[-1] == (2, 2 * (1 + len(study.design.settings())))
    assert _tables(tmp_path, cohort, model) == expected


@pytest.mark.long
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(tmp_path, cohort, model, expected, client):
    study = tiny_study(tmp_path, cohort, model)
    study.save()
    processes = client.run(os.getpid)
    killed: list[int] = []

    def kill_one(state: object) -> None:
        busy = [address for address, tasks in client.processing().items() if tasks and address in processes]
        if busy and not killed:
            killed.append(processes[busy[0]])
            os.kill(killed[0], getattr(signal, "SIGKILL", signal.SIGTERM))

    assert run_on_workers(study, ["p1", "p2"], client, report=kill_one) == []
    assert killed
    assert _tables(tmp_path, cohort, model) == expected


@pytest.mark.long
def test_a_patient_that_fails_on_a_worker_is_reported(tmp_path, model, client):
    manifest = write_cohort(tmp_path / "cohort", patients=1)
    study = tiny_study(tmp_path / "study", manifest, model)
    study.save()
    (tmp_path / "cohort" / "p1" / "baseline_T1.nii.gz").unlink()
    (failure,) = run_on_workers(study, ["p1"], client)
    assert failure.patient == "p1"
    assert "baseline_T1" in failure.message


def test_only_paths_and_identifiers_travel(tmp_path, cohort, model):
    class Recorder:
        """Takes what would be sent, and answers as if everything had been done."""

        def __init__(self) -> None:
            self.sent: list[object] = []

        def submit(self, function, *arguments, **options):
            self.sent += [a for a in arguments if not isinstance(a, list | distributed.Future | _Done)]
            return _Done(len(self.sent))

    class _Done:
        def __init__(self, key: int) -> None:
            self.key = key

    recorder = Recorder()
    study = tiny_study(tmp_path, cohort, model)
    _submit(study, "p1", ["base"], recorder, {"resources": {"GPU": 1}}, keep_features=False)
    assert set(map(type, recorder.sent)) == {str}
    assert set(recorder.sent) == {str(tmp_path.resolve()), "p1", "base"}


def test_a_slurm_job_finds_this_package_and_takes_one_gpu():
    pytest.importorskip("dask_jobqueue")
    import dask

    described = {"jobqueue.slurm.cores": 1, "jobqueue.slurm.memory": "16GB", "jobqueue.slurm.queue": "short"}
    with dask.config.set(described), slurm_cluster(ClusterOptions(slurm_jobs=2, gpu=True)) as cluster:
        script = cluster.job_script()
    assert "#SBATCH -p short" in script
    assert f"export PYTHONPATH={shlex.quote(str(REPOSITORY / 'PatientSpecificTuning'))}" in script
    assert "--resources GPU=1" in script


def test_slurm_jobs_that_are_not_described_get_one_sentence():
    pytest.importorskip("dask_jobqueue")
    with pytest.raises(InputError, match=r"jobqueue\.yaml"):
        slurm_cluster(ClusterOptions(slurm_jobs=2))


def test_certificates_make_encryption_a_must(tmp_path):
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    for file in files:
        file.write_text("", encoding="utf-8")
    security = _security(ClusterOptions(1, None, None, False, *files))
    assert security.require_encryption
    assert security.tls_worker_key == security.tls_client_key == str(files[2])
    assert _security(ClusterOptions(workers=1)) is None


@pytest.mark.parametrize("given", [True, False])
def test_encryption_without_all_certificates_gets_one_sentence(tmp_path, given):
    authority = tmp_path / "ca.pem" if given else None
    options = ClusterOptions(scheduler="tls://127.0.0.1:1", tls_ca=authority)
    with pytest.raises(InputError, match="--tls-cert"), connected(options):
        pass


def test_a_scheduler_that_does_not_answer_gets_one_sentence():
    with (
        pytest.raises(InputError, match="No scheduler answers"),
        connected(ClusterOptions(scheduler="nonsense://here")),
    ):
        pass
