"""What PythonQt of a running Slicer offers, class by class; the record is in facts.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_RECORD = Path(__file__).with_name("facts.json")


@cache
def _record() -> dict[str, dict]:
    return json.loads(_RECORD.read_text(encoding="utf-8"))


def known(name: str) -> bool:
    """Whether there is a record of a class."""
    return name in _record()


@cache
def properties(name: str) -> frozenset[str]:
    """Properties, which are values and not methods."""
    return _all(name, "properties")


@cache
def signals(name: str) -> frozenset[str]:
    """Signatures that `connect` accepts."""
    return _all(name, "signals")


@cache
def signalNames(name: str) -> frozenset[str]:
    """Names of the signals that are not names of methods or properties too."""
    found = {signature.partition("(")[0] for signature in signals(name)}
    return frozenset(found) - _all(name, "methods") - properties(name)


@cache
def names(name: str) -> frozenset[str]:
    """Everything that may stand behind a dot."""
    slots = {slot.partition("(")[0] for slot in _all(name, "slots") | signals(name)}
    return properties(name) | _all(name, "methods") | _all(name, "enums") | frozenset(slots)


def _all(name: str, kind: str) -> frozenset[str]:
    facts = _record()[name]
    inherited = _all(facts["also"], kind) if "also" in facts else frozenset()
    return frozenset(facts.get(kind, ())) | inherited
