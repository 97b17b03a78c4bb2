"""The panel's .ui files and the sections that use them, as they are written; without Slicer."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest
from conftest import PACKAGE_ROOT

PANEL = PACKAGE_ROOT / "PatientSpecificTuningLib" / "panel"
UI_FILES = sorted((PACKAGE_ROOT / "Resources" / "UI").glob("*.ui"))
SECTIONS = sorted((PANEL / "sections").glob("*.py"))
SCRIPTS = sorted([*PANEL.rglob("*.py"), PACKAGE_ROOT / "PatientSpecificTuning.py"])


def _name(path: Path) -> str:
    return path.name


def _widgets(path: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(path).iter("widget"))


def _property(widget: ElementTree.Element, name: str) -> str | None:
    found = widget.find(f"property[@name='{name}']")
    return None if found is None else (found[0].text or "")


def _all_widgets() -> list[ElementTree.Element]:
    return [widget for path in UI_FILES for widget in _widgets(path)]


def _fields() -> set[str]:
    tree = ast.parse((PANEL / "parameters.py").read_text(encoding="utf-8"))
    kind = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    return {
        node.target.id
        for node in kind.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_what_is_bound_in_a_ui_file_is_a_parameter_and_bound_once() -> None:
    bound = [name for widget in _all_widgets() if (name := _property(widget, "SlicerParameterName"))]
    assert set(bound) <= _fields()
    assert [name for name, count in Counter(bound).items() if count > 1] == []


def test_no_two_widgets_have_one_name() -> None:
    names = [widget.get("name") for widget in _all_widgets()]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("path", UI_FILES, ids=_name)
def test_a_label_takes_no_name_of_a_patient_for_html(path: Path) -> None:
    labels = [widget for widget in _widgets(path) if widget.get("class") == "QLabel"]
    rich = [widget.get("name") for widget in labels if _property(widget, "textFormat") != "Qt::PlainText"]
    assert [name for name in rich if name != "messageIcon"] == []


@pytest.mark.parametrize("path", UI_FILES, ids=_name)
def test_nothing_in_the_panel_scrolls_sideways(path: Path) -> None:
    scrolled = [w for w in _widgets(path) if w.get("class") in ("QScrollArea", "QTableWidget")]
    free = [
        widget.get("name")
        for widget in scrolled
        if _property(widget, "horizontalScrollBarPolicy") != "Qt::ScrollBarAlwaysOff"
    ]
    assert [name for name in free if name != "casesTable"] == []


@pytest.mark.parametrize("path", UI_FILES, ids=_name)
def test_a_button_says_in_a_tooltip_what_it_does(path: Path) -> None:
    buttons = [w for w in _widgets(path) if w.get("class") in ("QPushButton", "QToolButton", "QCheckBox")]
    assert [widget.get("name") for widget in buttons if not _property(widget, "toolTip")] == []


@pytest.mark.parametrize("path", SECTIONS, ids=_name)
def test_a_section_uses_only_widgets_that_a_ui_file_has(path: Path) -> None:
    names = {widget.get("name") for widget in _all_widgets()}
    used = set(re.findall(r"\bui\.(\w+)", path.read_text(encoding="utf-8")))
    assert used - names == set()


@pytest.mark.parametrize("path", [path for path in SECTIONS if path.name != "settings_panel.py"], ids=_name)
def test_a_section_reads_neither_nodes_nor_the_case(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"mrmlScene|vtkMRML|parameters\(\)|\bopen\(|read_text|engine", text) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_what_is_translated_is_a_literal(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
    ]
    other = [node.lineno for node in calls if not isinstance(node.args[0], ast.Constant)]
    assert other == []
