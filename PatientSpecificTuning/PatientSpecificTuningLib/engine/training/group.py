"""Processes that train one network together, one for each GPU, as torch's own launcher torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError


@dataclass(frozen=True)
class TrainingGroup:
    """This process among those that train together.

    Attributes:
        rank: 0 for the process that writes files.
        size: how many there are.
        device: where this one computes.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this process writes files and tells how far training is."""
        return self.rank == 0

    def shared(self, network: nn.Module) -> nn.Module:
        """The network as it is called in training: gradients become the mean over all processes."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network)


@contextmanager
def training_group(device: str) -> Iterator[TrainingGroup]:
    """Join the processes that torchrun started with this one; alone where it did not.

    Args:
        device: "cpu", or "cuda" for the GPU of this process.

    Raises:
        InputError: there is no such GPU.
    """
    size, rank = (
        int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", "1"), ("RANK", "0"))
    )
    if device == "cuda":
        device = _own_gpu()
    if size == 1:
        yield TrainingGroup(device=device)
        return
    distributed.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield TrainingGroup(rank, size, device)
    finally:
        distributed.destroy_process_group()


def _own_gpu() -> str:
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        message = (
            f"There is no GPU number {number}: torch finds {torch.cuda.device_count()}; start fewer processes or use"
            " --device cpu."
        )
        raise InputError(message)
    torch.cuda.set_device(number)
    return f"cuda:{number}"
