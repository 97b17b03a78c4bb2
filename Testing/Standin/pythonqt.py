"""Qt under PythonQt's rules: properties are values, signals are connected by signature, nothing else exists."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import shiboken6
from PySide6 import QtCore
from PySide6 import QtGui
from PySide6 import QtUiTools
from PySide6 import QtWidgets

from . import facts

# One instance for each Qt object, so that what was got twice is the same.
_instances: dict[int, Instance] = {}


class Instance:
    """A Qt object as PythonQt shows it."""

    __slots__ = ("_facts", "_object")

    def __init__(self, real: Any, factsName: str) -> None:
        object.__setattr__(self, "_object", real)
        object.__setattr__(self, "_facts", factsName)

    def __getattr__(self, name: str) -> Any:
        real, known = self._object, self._facts
        if not shiboken6.isValid(real):
            message = f"Trying to access {name!r} of a deleted {known}"
            raise ValueError(message)
        if name == "name":
            return real.objectName()
        if name in facts.properties(known):
            return wrap(real.property(name))
        if name == "connect":
            return lambda signature, slot: _connect(real, known, signature, slot)
        if name == "className":
            return lambda: known.partition(".")[2]
        if name not in facts.names(known):
            message = f"{known} has no attribute named {name!r}"
            raise AttributeError(message)
        return _method(getattr(real, name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in facts.properties(self._facts):
            message = f"{name!r} does not exist on {self._facts} and creating new attributes on C++ objects is not allowed"
            raise AttributeError(message)
        self._object.setProperty(name, unwrap(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance) and other._object is self._object

    def __hash__(self) -> int:
        return id(self._object)

    def __bool__(self) -> bool:
        return shiboken6.isValid(self._object)


class Class:
    """A Qt class: makes instances, and has the class's own enums and functions."""

    def __init__(self, real: type, factsName: str) -> None:
        self._real, self._facts = real, factsName

    def __call__(self, *arguments: Any, **keywords: Any) -> Instance:
        _refuseKeywords(self._facts, keywords)
        return wrap(self._real(*unwrap(arguments)))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        return _method(value, name) if callable(value) and not isinstance(value, type) else value


def wrap(value: Any) -> Any:
    """What PythonQt gives for a value of Qt: lists are tuples, objects follow the rules."""
    if isinstance(value, list | tuple):
        return tuple(wrap(item) for item in value)
    factsName = _factsOf(value) if isinstance(value, QtCore.QObject) else None
    if factsName is None:
        return value
    known = _instances.get(id(value))
    if known is None or known._object is not value:
        known = _instances[id(value)] = Instance(value, factsName)
    return known


def unwrap(value: Any) -> Any:
    """What Qt takes for a value of the module."""
    if isinstance(value, tuple | list):
        return type(value)(unwrap(item) for item in value)
    return value._object if isinstance(value, Instance) else value


def _factsOf(real: QtCore.QObject) -> str | None:
    """The record of its class; None for the few classes that are used without rules."""
    names = [getattr(kind, "FACTS", f"qt.{kind.__name__}") for kind in type(real).__mro__]
    found = [name for name in names if facts.known(name) and name != "qt.QObject"]
    return next(iter(found), None)


def _method(method: Any, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        _refuseKeywords(name, keywords)
        return wrap(method(*unwrap(arguments)))

    return call


def _refuseKeywords(name: str, keywords: dict[str, Any]) -> None:
    if keywords:
        message = f"Called {name} with keyword arguments, but called slot does not support kwargs."
        raise ValueError(message)


def _connect(real: Any, known: str, signature: str, slot: Callable[..., Any]) -> bool:
    """Connect by signature; a wrong one raises here, where PythonQt would only return False."""
    if signature not in facts.signals(known):
        message = f"{known} has no signal {signature!r}; it has {', '.join(sorted(facts.signals(known)))}"
        raise AttributeError(message)
    name, given, wanted = signature.partition("(")[0], _argumentCount(signature), _wantedCount(slot)
    if wanted > given:
        message = f"{slot} takes {wanted} arguments, {signature} gives {given}: it would never be called"
        raise TypeError(message)
    limit = given if wanted < 0 else wanted

    def receive(*arguments: Any) -> None:
        slot(*(wrap(argument) for argument in arguments[:limit]))

    # PySide gives as many arguments as it sees, so the number is spelled out.
    receivers = (
        lambda: receive(),
        lambda a: receive(a),
        lambda a, b: receive(a, b),
        lambda a, b, c: receive(a, b, c),
        lambda a, b, c, d: receive(a, b, c, d),
    )
    getattr(real, name).connect(receivers[given])
    return True


def _argumentCount(signature: str) -> int:
    inner = re.sub(r"<[^>]*>", "", signature[signature.index("(") + 1 : -1])
    return inner.count(",") + 1 if inner else 0


def _wantedCount(slot: Callable[..., Any]) -> int:
    """Positional arguments that a slot takes; -1 where it takes any number."""
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return -1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return -1
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


class FileDialog:
    """Nobody answers a dialog here; a test says what was chosen."""

    chosen = ""

    @classmethod
    def getSaveFileName(cls, *arguments: Any) -> str:
        """The path that a test chose."""
        del arguments
        return cls.chosen

    getExistingDirectory = getOpenFileName = getSaveFileName


def _withoutSceneWarnings(kind: Any, context: Any, text: str) -> None:
    """Connections of .ui files by mrmlSceneChanged cannot be made here; the widgets do what they do."""
    del kind, context
    if not re.search(r"mrmlSceneChanged|\((sender|receiver) name", text):
        sys.stderr.write(f"{text}\n")


def makeQt(custom: dict[str, type]) -> ModuleType:
    """The module `qt`; `custom` are classes that .ui files name."""
    QtCore.qInstallMessageHandler(_withoutSceneWarnings)

    class QUiLoader(QtUiTools.QUiLoader):
        """Loads .ui files with the custom classes."""

        def createWidget(self, className, parent=None, name=""):
            if className not in custom:
                return QtUiTools.QUiLoader.createWidget(self, className, parent, name)
            widget = custom[className](parent)
            widget.setObjectName(name)
            return widget

        def load(self, file):
            return wrap(QtUiTools.QUiLoader.load(self, file))

    module = ModuleType("qt")
    for room in (QtCore, QtGui, QtWidgets):
        for name in dir(room):
            if name.startswith("Q") and isinstance(getattr(room, name), type):
                setattr(module, name, Class(getattr(room, name), f"qt.{name}"))
    module.QUiLoader = Class(QUiLoader, "qt.QUiLoader")
    module.Qt = QtCore.Qt
    module.QFileDialog = FileDialog
    return module
