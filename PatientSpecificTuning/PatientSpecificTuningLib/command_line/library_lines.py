"""What image libraries print by themselves is kept aside, so that a complaint stays one sentence."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress

LAST_LINES = 20


@contextmanager
def kept_aside() -> Iterator[Callable[[], list[str]]]:
    """Send what libraries write to standard error elsewhere; Python's own standard error goes on as it was.

    Yields:
        a function that gives the last lines of what was kept aside, for a failure that nobody foresaw.
    """
    try:
        separate = sys.stderr.fileno() == sys.__stderr__.fileno() == 2  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        separate = False
    if not separate:
        # A test or a notebook has taken it already.
        yield list
        return
    earlier = sys.stderr
    with tempfile.TemporaryFile() as kept, os.fdopen(os.dup(2), "w", encoding=earlier.encoding) as own:

        def last_lines() -> list[str]:
            kept.seek(max(0, kept.seek(0, os.SEEK_END) - 10_000))
            return kept.read().decode("utf-8", "replace").splitlines()[-LAST_LINES:]

        own.reconfigure(line_buffering=True, errors="backslashreplace")
        os.dup2(kept.fileno(), 2)
        sys.stderr = own
        try:
            yield last_lines
        finally:
            with suppress(OSError, ValueError):
                own.flush()
            os.dup2(own.fileno(), 2)
            sys.stderr = earlier
