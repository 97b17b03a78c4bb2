"""Whether torch can be used, which a finished import does not say."""

from __future__ import annotations

from types import ModuleType

NEEDED = ("__version__", "nn", "get_num_threads")


def usable_torch() -> ModuleType:
    """Import torch.

    Raises:
        ImportError: torch is absent, or only half installed.
        MemoryError: its libraries do not fit into memory.
    """
    try:
        import torch
    except OSError as error:
        if getattr(error, "winerror", None) == 1455:
            raise MemoryError from error
        # A library of torch that does not load is no ImportError on Windows.
        raise ImportError(str(error), name="torch") from error
    except ImportError as error:
        raise ImportError(str(error), name="torch") from error
    if not all(hasattr(torch, name) for name in NEEDED):
        # What is left of an interrupted installation imports as an empty namespace.
        message = "its files are incomplete"
        raise ImportError(message, name="torch")
    return torch
