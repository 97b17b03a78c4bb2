"""Chunks of voxels beside each other, each on one core, instead of one after the other with every operation on all cores.

The operations of the head on a chunk take a millisecond, of which sharing among cores and waiting for the slowest is a
large part; and what cannot be shared leaves all cores but one idle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from functools import lru_cache
from typing import TypeVar

import torch

Chunk = TypeVar("Chunk")
Outcome = TypeVar("Outcome")
# So many for each core are begun before the first of them is taken.
_AHEAD = 2


def in_threads(action: Callable[[Chunk], Outcome], chunks: Iterable[Chunk]) -> Generator[Outcome]:
    """What an action on the CPU gives for every chunk, in their order, without gradients.

    Args:
        action: must not depend on the order in which chunks come, nor call this; an error in it is raised here.
        chunks: drawn one after the other in the thread of the caller.
    """
    count, plain = torch.get_num_threads(), torch.inference_mode()(action)
    if count == 1:
        yield from map(plain, chunks)
        return
    for outcome in _in_order(_threads(count), plain, chunks, _AHEAD * count):
        # A thread that was begun for this set the number of all that are begun later.
        torch.set_num_threads(count)
        yield outcome


def one_ahead(action: Callable[[Chunk], Outcome], chunks: Iterable[Chunk]) -> Generator[Outcome]:
    """What an action gives for every chunk, in their order; the next is worked on while the caller looks at this one.

    Until all are taken, or this is closed, the caller's own operations leave one core to the action.

    Args:
        action: called for one chunk after the other, in a thread of its own; an error in it is raised here.
        chunks: drawn in the thread of the caller.
    """
    count = torch.get_num_threads()
    if count == 1:
        yield from map(action, chunks)
        return
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as thread:
        try:
            for outcome in _in_order(thread, action, chunks, 1):
                torch.set_num_threads(count - 1)
                yield outcome
        finally:
            torch.set_num_threads(count)


def _in_order(
    threads: ThreadPoolExecutor, action: Callable[[Chunk], Outcome], chunks: Iterable[Chunk], ahead: int
) -> Generator[Outcome]:
    waiting = deque[Future[Outcome]]()
    try:
        for chunk in chunks:
            waiting.append(threads.submit(action, chunk))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting)


@lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    """Kept, since every thread prepares its products anew."""
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
