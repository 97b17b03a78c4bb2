"""A small slicer.parameterNodeWrapper: typed fields kept in a real parameter node, bound to widgets by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints

import slicer
import vtk


@dataclass(frozen=True)
class Default:
    """Value of a field that was not set."""

    value: Any


@dataclass(frozen=True)
class WithinRange:
    """Limits of a number."""

    minimum: float
    maximum: float


class Choice:
    """The values that a field may have."""

    def __init__(self, choices: list) -> None:
        self.choices = choices


class _Field:
    """One typed field of a parameter node."""

    def __init__(self, name: str, hint: Any) -> None:
        self.name = name
        annotated = get_origin(hint) is Annotated
        self.kind, *self.rules = get_args(hint) if annotated else (hint,)
        self.isNode = isinstance(self.kind, type) and issubclass(self.kind, slicer.vtkMRMLNode)

    @property
    def default(self) -> Any:
        """What an unset field has."""
        given = [rule.value for rule in self.rules if isinstance(rule, Default)]
        return given[0] if given else (get_origin(self.kind) or self.kind)()

    def read(self, node) -> Any:
        """The value in a parameter node."""
        if self.isNode:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return json.loads(text) if text else self.default

    def write(self, node, value: Any) -> None:
        """Check and keep a value."""
        if self.isNode:
            if value is not None and not isinstance(value, self.kind):
                message = f"{self.name} takes a {self.kind.__name__}, not {value!r}"
                raise TypeError(message)
            node.SetNodeReferenceID(self.name, None if value is None else value.GetID())
            return
        plain = get_origin(self.kind) or self.kind
        if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
            message = f"{self.name} takes {plain.__name__}, not {value!r}"
            raise TypeError(message)
        for rule in self.rules:
            if isinstance(rule, WithinRange) and not rule.minimum <= value <= rule.maximum:
                message = f"{self.name} must be within {rule.minimum} and {rule.maximum}, not {value}"
                raise ValueError(message)
            if isinstance(rule, Choice) and value not in rule.choices:
                message = f"{self.name} must be one of {rule.choices}, not {value!r}"
                raise ValueError(message)
        node.SetParameter(self.name, json.dumps(value))


def parameterNodeWrapper(kind: type) -> type:
    """Turn annotated fields into properties over a parameter node."""
    fields = {name: _Field(name, hint) for name, hint in get_type_hints(kind, include_extras=True).items()}
    for field in fields.values():
        setattr(kind, field.name, _property(field))

    def construct(self, parameterNode) -> None:
        self.parameterNode = parameterNode
        self._bindings = {}

    kind.__init__ = construct
    kind.connectGui = lambda self, ui: _Binding(self, ui, fields).tag
    kind.disconnectGui = lambda self, tag: self._bindings.pop(tag).release()
    return kind


def _property(field: _Field) -> property:
    return property(
        lambda self: field.read(self.parameterNode),
        lambda self, value: field.write(self.parameterNode, value),
    )


# Class of the widget: how to read it, how to write it, and the signal by which it tells of a change.
_WIDGETS = {
    "qMRMLNodeComboBox": (
        lambda w: w.currentNode(), lambda w, v: w.setCurrentNode(v), "currentNodeChanged(vtkMRMLNode*)",
    ),
    "QCheckBox": (lambda w: w.checked, lambda w, v: w.setChecked(v), "toggled(bool)"),
    "QSpinBox": (lambda w: w.value, lambda w, v: w.setValue(v), "valueChanged(int)"),
    "ctkSliderWidget": (lambda w: w.value, lambda w, v: setattr(w, "value", v), "valueChanged(double)"),
    "QComboBox": (
        lambda w: w.currentText, lambda w, v: w.setCurrentIndex(w.findText(v)), "currentIndexChanged(int)",
    ),
}  # fmt: skip


class _Binding:
    """The widgets of one user interface, kept in step with the fields that their properties name."""

    def __init__(self, parameters, ui, fields: dict[str, _Field]) -> None:
        self.parameters, self.active, self.updating = parameters, True, False
        self.widgets = []
        for widget in vars(ui).values():
            name = widget.property("SlicerParameterName")
            if not name:
                continue
            read, write, signal = _WIDGETS[widget.className()]
            field = fields[name]
            for rule in field.rules:
                if isinstance(rule, Choice):
                    widget.addItems(rule.choices)
            self.widgets.append((field, widget, read, write))
            widget.connect(signal, self._slot(field, widget, read))
        self.tag = len(parameters._bindings) + 1
        parameters._bindings[self.tag] = self
        self.observed = parameters.parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def _slot(self, field: _Field, widget, read):
        def changed(*arguments) -> None:
            del arguments
            if self.active and not self.updating:
                field.write(self.parameters.parameterNode, read(widget))

        return changed

    def _update(self, *arguments) -> None:
        del arguments
        self.updating = True
        for field, widget, read, write in self.widgets:
            value = field.read(self.parameters.parameterNode)
            if read(widget) != value:
                write(widget, value)
        self.updating = False

    def release(self) -> None:
        """Bind no more."""
        self.active = False
        self.parameters.parameterNode.RemoveObserver(self.observed)


def module() -> ModuleType:
    """slicer.parameterNodeWrapper as a module."""
    made = ModuleType("slicer.parameterNodeWrapper")
    for thing in (parameterNodeWrapper, Default, WithinRange, Choice):
        setattr(made, thing.__name__, thing)
    return made
