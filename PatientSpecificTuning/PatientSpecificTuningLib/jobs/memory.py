"""How much memory the computer has."""

from __future__ import annotations

import ctypes
import os
import sys


def total_memory_gb() -> float | None:
    """Physical memory in gigabytes; None where the system does not say."""
    try:
        total = _on_windows() if sys.platform == "win32" else _elsewhere()
    except (OSError, ValueError, AttributeError):
        return None
    return round(total / 1e9, 1) if total > 0 else None


def _elsewhere() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _on_windows() -> int:
    class Status(ctypes.Structure):
        """MEMORYSTATUSEX."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((f"bytes{i}", ctypes.c_ulonglong) for i in range(7)),
        )

    status = Status(length=ctypes.sizeof(Status))
    library = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only, which mypy minds
    return int(status.bytes0) if library.GlobalMemoryStatusEx(ctypes.byref(status)) else 0
