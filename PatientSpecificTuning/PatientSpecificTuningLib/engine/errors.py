"""The one error that is meant for the user's eyes."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that names the volume or file, the problem and the way out, and is shown
    unchanged by the panel and by the command line.
    """


class Cancelled(Exception):  # noqa: N818 - the user's wish, not an error
    """The user stopped the work; nothing half-written remains."""
