"""Qt under PythonQt's rules: properties are values, signals are connected by signature, nothing else exists."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from functools import cache
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
# What was connected, so that it can be disconnected: (object, signature) to (slot, receiver).
_connections: dict[tuple[int, str], list[tuple[Callable[..., Any], Callable[..., Any]]]] = {}


class Class(type):
    """A Qt class: makes instances, and has the class's own enums and functions; none inherits from another."""

    _facts: str
    _real: type

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        _refuseKeywords(cls._facts, keywords)
        return wrap(cls._real(*unwrap(arguments)))

    def __getattr__(cls, name: str) -> Any:
        value = getattr(cls._real, name)
        return _method(value, name) if callable(value) and not isinstance(value, type) else value


class Instance:
    """A Qt object as PythonQt shows it; its type is that of its own Qt class."""

    __slots__ = ("_object",)

    def __getattr__(self, name: str) -> Any:
        real, known = self._object, type(self)._facts
        if not shiboken6.isValid(real):
            message = f"Trying to access {name!r} of a deleted {known}"
            raise ValueError(message)
        if name == "name":
            return real.objectName()
        if name in facts.properties(known):
            return wrap(real.property(name))
        if name == "connect":
            return lambda signature, slot: _connect(real, known, signature, slot)
        if name == "disconnect":
            return lambda signature, slot: _disconnect(real, signature, slot)
        if name == "className":
            return lambda: known.partition(".")[2]
        if name in facts.signalNames(known):
            return SignalOf(real, known, name)
        if name not in facts.names(known):
            message = f"{known} has no attribute named {name!r}"
            raise AttributeError(message)
        return _method(getattr(real, name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        known = type(self)._facts
        if name not in facts.properties(known):
            message = f"{name!r} does not exist on {known} and creating new attributes on C++ objects is not allowed"
            raise AttributeError(message)
        plain = unwrap(value)
        self._object.setProperty(name, list(plain) if isinstance(plain, tuple) else plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance) and other._object is self._object

    def __hash__(self) -> int:
        return id(self._object)

    def __bool__(self) -> bool:
        return shiboken6.isValid(self._object)


class SignalOf:
    """A signal by its name alone: PythonQt takes the first of its signatures."""

    def __init__(self, real: Any, known: str, name: str) -> None:
        self._real, self._known = real, known
        given = [s for s in facts.signals(known) if s.partition("(")[0] == name]
        # Of the number and the text of an entry, the number is given.
        self._signature = min(given, key=lambda s: ("(int" not in s, s))

    def connect(self, slot: Callable[..., Any]) -> bool:
        """Call a slot with as many of the signal's arguments as it takes."""
        return _connect(self._real, self._known, self._signature, slot)

    def disconnect(self, slot: Callable[..., Any]) -> bool:
        """Call a slot no more."""
        return _disconnect(self._real, self._signature, slot)


@cache
def classOf(factsName: str, real: type) -> Class:
    """The class by which PythonQt shows a class of Qt."""
    return Class(
        factsName.partition(".")[2], (Instance,), {"__slots__": (), "_facts": factsName, "_real": real}
    )


def wrap(value: Any) -> Any:
    """What PythonQt gives for a value of Qt: lists are tuples, objects follow the rules."""
    if isinstance(value, list | tuple):
        return tuple(wrap(item) for item in value)
    found = _recordOf(value) if isinstance(value, QtCore.QObject) else None
    if found is None:
        return value
    known = _instances.get(id(value))
    if known is None or known._object is not value:
        known = object.__new__(classOf(*found))
        object.__setattr__(known, "_object", value)
        _instances[id(value)] = known
    return known


def unwrap(value: Any) -> Any:
    """What Qt takes for a value of the module."""
    if isinstance(value, tuple | list):
        return type(value)(unwrap(item) for item in value)
    if isinstance(value, Class):
        return value._real
    return value._object if isinstance(value, Instance) else value


def _recordOf(real: QtCore.QObject) -> tuple[str, type] | None:
    """The name of the record of its class, and that class; None for the few that are used without rules."""
    for kind in type(real).__mro__:
        name = getattr(kind, "FACTS", f"qt.{kind.__name__}")
        if facts.known(name) and name != "qt.QObject":
            return name, kind
    return None


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
    # Of classes that could not be made in Slicer nothing was recorded; there Qt itself is asked.
    offered = facts.signals(known) or _signalsOf(real)
    if signature not in offered:
        message = f"{known} has no signal {signature!r}; it has {', '.join(sorted(offered))}"
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
    _connections.setdefault((id(real), signature), []).append((slot, receivers[given]))
    return True


def _signalsOf(real: QtCore.QObject) -> set[str]:
    about = real.metaObject()
    methods = [about.method(i) for i in range(about.methodCount())]
    found = [m for m in methods if m.methodType() == QtCore.QMetaMethod.MethodType.Signal]
    return {method.methodSignature().data().decode() for method in found}


def _disconnect(real: Any, signature: str, slot: Callable[..., Any]) -> bool:
    made = _connections.get((id(real), signature), [])
    for connection in [c for c in made if c[0] == slot]:
        made.remove(connection)
        getattr(real, signature.partition("(")[0]).disconnect(connection[1])
        return True
    return False


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
            return wrap(QtUiTools.QUiLoader.load(self, unwrap(file)))

    module = ModuleType("qt")
    for room in (QtCore, QtGui, QtWidgets):
        for name in dir(room):
            if name.startswith("Q") and isinstance(getattr(room, name), type):
                kind = getattr(room, name)
                # What is no QObject has methods in PythonQt too, and may be inherited from.
                isObject = issubclass(kind, QtCore.QObject)
                setattr(module, name, classOf(f"qt.{name}", kind) if isObject else kind)
    module.QUiLoader = classOf("qt.QUiLoader", QUiLoader)
    module.Qt = QtCore.Qt
    module.QFileDialog = FileDialog
    return module
