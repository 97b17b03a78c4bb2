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
from threading import Barrier
from typing import TypeVar

import torch

Chunk = TypeVar("Chunk")
Outcome = TypeVar("Outcome")
# So many more than there are cores wait for being worked on or being taken.
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
    yield from _in_order(_threads(count), plain, chunks, count + _AHEAD)


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
    with ThreadPoolExecutor(1, initializer=_on_one_core) as thread:
        torch.set_num_threads(count - 1)
        try:
            yield from _in_order(thread, action, chunks, 1)
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


def _on_one_core() -> None:
    # A thread takes the number that was set last, by whichever thread, when it is first asked: so ask before setting.
    torch.get_num_threads()
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    """So many threads of one core each; kept, since every one prepares its products anew."""
    begun = Barrier(count + 1)
    threads = ThreadPoolExecutor(count, "head", initializer=_on_one_core)
    for _ in range(count):
        threads.submit(begun.wait)
    begun.wait()
    # Each set it for itself, and for threads that are begun by others later.
    torch.set_num_threads(count)
    return threads
