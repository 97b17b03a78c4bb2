"""Who works with Slicer."""

from __future__ import annotations

import getpass

import slicer


def userName() -> str:
    """The name in Slicer's settings, otherwise that of the account; empty where neither is known."""
    logic = slicer.app.applicationLogic()
    information = None if logic is None else logic.GetUserInformation()
    name = "" if information is None else information.GetName()
    if name:
        return str(name)
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""
