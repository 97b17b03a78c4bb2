"""Numbers in text files are written with points, whatever the country of the computer writes."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def decimal_points() -> Iterator[None]:
    """While the block runs, libraries in C read and write 0.5; in a program that chose 0,5 they would not find the point.

    Also a decorator. It concerns the whole process, as the choice of the program does.
    """
    if locale.localeconv()["decimal_point"] == ".":
        yield
        return
    earlier = locale.setlocale(locale.LC_NUMERIC)
    locale.setlocale(locale.LC_NUMERIC, "C")
    try:
        yield
    finally:
        locale.setlocale(locale.LC_NUMERIC, earlier)
