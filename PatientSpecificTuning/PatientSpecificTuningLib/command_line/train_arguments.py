"""The arguments of the verb that trains a base model."""

from __future__ import annotations

import argparse
from pathlib import Path

from .argument_types import number
from .argument_types import positive
from .argument_types import rate


def train_arguments(command: argparse.ArgumentParser) -> None:
    """Add them to the parser of the verb."""
    command.add_argument("output", type=Path, help="the model folder to write")
    command.add_argument(
        "--examinations",
        nargs="+",
        type=Path,
        required=True,
        metavar="PATH",
        help="folders with annotated scans, recognised by their names, or manifests of single examinations",
    )
    command.add_argument(
        "--validation",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="folders or manifests that are only judged",
    )
    command.add_argument(
        "--match", default="", metavar="TEXT", help="only files whose path contains this text"
    )
    command.add_argument(
        "--card", type=Path, help="folder of a model card to train for; by default FLAIR and T1"
    )
    command.add_argument("--start-from", type=Path, metavar="FOLDER", help="a model to go on from")
    command.add_argument("--iterations", type=positive, default=10_000)
    command.add_argument("--learning-rate", type=rate, default=1e-4)
    command.add_argument("--schedule", choices=("constant", "one-cycle"), default="constant")
    command.add_argument(
        "--varied", action="store_true", help="strong augmentation instead of rotation alone"
    )
    command.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="torchrun gives every process a GPU of its own",
    )
    command.add_argument(
        "--bf16", action="store_true", help="bfloat16, where the processor is faster with it"
    )
    command.add_argument("--seed", type=number, default=0)
