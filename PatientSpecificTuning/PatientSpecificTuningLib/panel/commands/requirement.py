"""A command that is not allowed says why, with the sentence that its button shows."""

from __future__ import annotations

from ...engine.errors import InputError
from ..situation.state import Allowed


def require(allowed: Allowed) -> None:
    """Let a command through.

    Raises:
        InputError: it is not allowed now.
    """
    if not allowed:
        raise InputError(allowed.reason)
