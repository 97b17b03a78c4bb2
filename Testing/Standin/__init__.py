"""A strict headless stand-in of 3D Slicer: real MRML of slicer-core, Qt of PySide6 under PythonQt's rules.

It lets an unmodified scripted module run in tests, on Slicer's own Python files (see slicer_source.py). What a running
Slicer does not offer to Python fails here, by facts recorded in one (facts.json).
"""

from __future__ import annotations


def start():
    """Make `slicer`, `qt` and `ctk` importable as inside Slicer; returns the application.

    Raises:
        SlicerSourceMissingError: SLICER_SOURCE names no checkout of Slicer.
        ImportError: slicer-core or PySide6 is not installed.
    """
    from .application import Application

    return Application.instance()
