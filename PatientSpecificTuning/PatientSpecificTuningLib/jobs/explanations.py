"""What went wrong in the worker, as a kind and a sentence for the user."""

from __future__ import annotations

from ..engine.errors import Cancelled
from ..engine.errors import InputError
from . import messages

# Windows says error 1455 when the paging file is too small to load a library of torch.
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate memory",
    "bad_alloc",
    "winerror 1455",
)


def explained(error: Exception) -> tuple[str, str]:
    """The kind of a failure and its sentence."""
    if isinstance(error, Cancelled):
        return messages.CANCELLED, str(error)
    if isinstance(error, InputError):
        return messages.INPUT, str(error)
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY):
        message = "There is not enough memory; close other programs or use a smaller field of view."
        return messages.MEMORY, message
    if isinstance(error, ImportError):
        return messages.MISSING, _what_is_missing(error)
    if isinstance(error, OSError):
        return messages.INPUT, _file_problem(error)
    return (
        messages.UNEXPECTED,
        f"The worker failed unexpectedly ({type(error).__name__}: {error}); see the log.",
    )


def _what_is_missing(error: ImportError) -> str:
    if error.name in (None, "torch"):
        return (
            f"PyTorch is missing or half installed ({error}); install the PyTorch extension, use it to install torch"
            " anew, and try again."
        )
    return f"The Python package {error.name} is missing or damaged ({error}); install it again and try again."


def _file_problem(error: OSError) -> str:
    name = error.filename or "A file"
    return (
        f"{name} cannot be used ({error.strerror or error}); check the path, your rights and the free space."
    )
