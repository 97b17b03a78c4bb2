"""A script for sites that forbid schedulers of users: one SLURM job array, each job a share of the patients."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ..errors import InputError
from ..files.atomic import write_text
from ..files.resources import PACKAGE_ROOT


def array_script(output: Path, jobs: int, *, gpu: bool = False) -> str:
    """The text of a batch script that goes on with the study in a folder.

    Args:
        output: the study's folder with its study.json, on storage that all nodes share.
        jobs: how many shares.
    """
    command = [sys.executable, "-m", "PatientSpecificTuningLib", "study", "--output", str(output)]
    quoted = shlex.join(command)
    lines = [
        "#!/bin/bash",
        "#SBATCH --job-name=patient-specific-tuning",
        f"#SBATCH --array=1-{jobs}",
        f"#SBATCH --output={shlex.quote(str(output / 'logs' / 'shard-%a.log'))}",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=16G",
        "#SBATCH --time=12:00:00",
        *(["#SBATCH --gres=gpu:1"] if gpu else []),
        "# Account, partition and limits are the site's: add or change the lines above.",
        f"export PYTHONPATH={shlex.quote(str(PACKAGE_ROOT))}",
        f'{quoted} --quiet --shard "$SLURM_ARRAY_TASK_ID/{jobs}"',
        "# When all jobs are done, this makes the tables; what failed or is missing is done then:",
        f"# {quoted}",
    ]
    return "\n".join(lines) + "\n"


def write_array_script(path: Path, output: Path, jobs: int, *, gpu: bool = False) -> None:
    """Write the script, and make the folder for its logs.

    Raises:
        InputError: no job, or the script cannot be written.
    """
    if jobs < 1:
        message = f"A job array of {jobs} jobs does nothing; use at least one."
        raise InputError(message)
    (output / "logs").mkdir(parents=True, exist_ok=True)
    write_text(path, array_script(output.resolve(), jobs, gpu=gpu))
