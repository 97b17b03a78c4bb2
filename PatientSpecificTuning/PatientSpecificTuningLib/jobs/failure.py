"""Why a request failed: one sentence for the user, which also knows its kind and the last lines of the log."""

from __future__ import annotations

from collections.abc import Iterable


class Failure(str):
    """A sentence that can be shown as it is.

    Attributes:
        kind: one of "input", "cancelled", "memory", "missing", "unexpected".
        log: the last lines of what the worker wrote besides answers, oldest first.
    """

    kind: str
    log: tuple[str, ...]

    def __new__(cls, sentence: str, kind: str, log: Iterable[str] = ()) -> Failure:
        """Make the sentence with what is known of it."""
        failure = super().__new__(cls, sentence)
        failure.kind, failure.log = kind, tuple(log)
        return failure
