"""The arguments of the verb study."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..engine.study.shard import Shard
from ..engine.study.significance import ALPHA
from ..engine.study.significance import CORRECTIONS
from .argument_types import number
from .argument_types import positive
from .argument_types import rate


def study_arguments(command: argparse.ArgumentParser) -> None:
    """Everything but how images are prepared, which the study shares with other verbs."""
    _cohort(command)
    _design(command)
    _statistics(command)
    _workers(command)


def _cohort(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "manifest",
        type=Path,
        nargs="?",
        help="the patients as CSV, JSON or the folder of a BIDS data set; without it a recipe, or what --output"
        " holds already",
    )
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the study lives; run again to go on",
    )
    command.add_argument("--recipe", metavar="NAME", help="phantom patients, made first: brain or liver")
    command.add_argument(
        "--patients", type=positive, help="how many phantom patients; by default as the recipe says"
    )
    command.add_argument(
        "--quick", action="store_true", help="few small phantom patients, to see everything within minutes"
    )
    command.add_argument("--name", metavar="TEXT", help="what the report calls the cohort")
    command.add_argument("--check", action="store_true", help="only check the manifest and every file in it")


def _design(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--iterations",
        type=positive,
        nargs="+",
        default=[50, 100, 500, 1000],
        help="numbers that are compared",
    )
    command.add_argument(
        "--reference-iterations", type=positive, default=100, help="the number of all other comparisons"
    )
    command.add_argument(
        "--slices",
        type=positive,
        nargs="+",
        default=[1, 2],
        help="numbers of selected slices that are compared",
    )
    command.add_argument("--repetitions", type=positive, default=25, help="Monte Carlo dropout repetitions")
    command.add_argument("--seed", type=number, default=0, help="seed of patches, rotations and dropout")
    command.add_argument(
        "--every-pixel",
        action="store_true",
        help="look at every pixel of freshly rotated patches, exactly as the paper; many times slower",
    )


def _statistics(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--correction",
        choices=CORRECTIONS,
        default="none",
        help="of p values for the comparisons of one table; none as in the paper",
    )
    command.add_argument("--alpha", type=rate, default=ALPHA, help="level of significance")


def _workers(command: argparse.ArgumentParser) -> None:
    places = command.add_mutually_exclusive_group()
    places.add_argument("--workers", type=positive, metavar="N", help="processes on this computer")
    places.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a running Dask scheduler, such as tcp://host:8786, also of Kubernetes",
    )
    places.add_argument(
        "--slurm-jobs", type=positive, metavar="N", help="SLURM jobs as Dask's configuration describes them"
    )
    places.add_argument(
        "--shard", type=shard, metavar="I/N", help="only this share of the patients, without tables"
    )
    places.add_argument(
        "--array-script", type=Path, metavar="PATH", help="only write a SLURM job array, a shard for each job"
    )
    command.add_argument("--array-jobs", type=positive, default=8, metavar="N", help="jobs of the array")
    command.add_argument("--gpu", action="store_true", help="tasks and jobs take one GPU each")
    for name, what in (
        ("ca", "certificate of the authority"),
        ("cert", "own certificate"),
        ("key", "private key"),
    ):
        command.add_argument(
            f"--tls-{name}", type=Path, metavar="PEM", help=f"{what}, for encrypted connections"
        )
    command.add_argument(
        "--keep-features",
        action="store_true",
        help="keep the case folders of complete patients, gigabytes each",
    )


def shard(text: str) -> Shard:
    """A share such as 2/8."""
    first, separator, count = text.partition("/")
    if not separator:
        message = f"{text!r} is not a share such as 2/8"
        raise argparse.ArgumentTypeError(message)
    try:
        return Shard(positive(first), positive(count))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None
