"""The rules of the tree: which way imports point, where torch may be loaded, and what CMake packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY

MODULE = REPOSITORY / "PatientSpecificTuning"
LIBRARY = MODULE / "PatientSpecificTuningLib"
SCRIPTS = sorted(path for path in MODULE.rglob("*.py"))
MAY_LOAD_TORCH = {
    "base_training.py",
    "features.py",
    "folded_head.py",
    "head_trainer.py",
    "logit_moments.py",
    "model_folder.py",
    "network.py",
    "patch_features.py",
    "prediction.py",
    "random_bits.py",
    "training_group.py",
    "tuning.py",
    "tuning_batches.py",
    "uncertainty.py",
}
VIEWER = {"slicer", "vtk", "qt", "ctk", "PythonQt"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 50


def _relative(path: Path) -> str:
    return path.relative_to(MODULE).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _modules(nodes: list[ast.stmt] | Iterator[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level
            names = (
                {f"{prefix}{alias.name}" for alias in node.names} if node.level and not node.module else set()
            )
            found |= names or {f"{prefix}{node.module}"}
    return found


def _tops(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("path", sorted((LIBRARY / "engine").rglob("*.py")), ids=_relative)
def test_the_engine_imports_neither_the_viewer_nor_the_rooms_above_it(path: Path) -> None:
    modules = _modules(ast.walk(_tree(path)))
    assert not _tops(modules) & VIEWER
    assert not [module for module in modules if re.search(r"\b(jobs|panel)\b", module)]


@pytest.mark.parametrize("path", sorted((LIBRARY / "jobs").glob("*.py")), ids=_relative)
def test_the_process_boundary_imports_neither_the_viewer_nor_the_panel(path: Path) -> None:
    modules = _modules(ast.walk(_tree(path)))
    assert not _tops(modules) & (VIEWER - {"qt"})
    assert "qt" not in _tops(modules) or path.name == "qt_process.py"
    assert not [module for module in modules if re.search(r"\bpanel\b", module)]


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_torch_is_loaded_at_file_scope_only_where_the_network_itself_lives(path: Path) -> None:
    if path.name not in MAY_LOAD_TORCH:
        assert "torch" not in _tops(_modules(_tree(path).body))


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_a_file_that_is_free_of_torch_imports_no_file_that_loads_it(path: Path) -> None:
    # From a folder inside the engine the same file has a dot more.
    loading = {f"{dots}{Path(name).stem}" for name in MAY_LOAD_TORCH for dots in (".", "..")}
    if path.name not in MAY_LOAD_TORCH:
        assert not _modules(_tree(path).body) & loading


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_a_file_opens_with_one_sentence_and_stays_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    opening = ast.get_docstring(ast.parse(text)) or ""
    assert opening.partition("\n\n")[0].endswith(".")
    assert len(text.splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_functions_stay_short(path: Path) -> None:
    functions = [n for n in ast.walk(_tree(path)) if isinstance(n, ast.FunctionDef)]
    too_long = [
        n.name for n in functions if n.end_lineno - n.lineno + 1 - _docstring_lines(n) > LONGEST_FUNCTION
    ]
    assert too_long == []


def _docstring_lines(function: ast.FunctionDef) -> int:
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return first.end_lineno - first.lineno + 1 if is_docstring else 0


def _listed(variable: str) -> list[str]:
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    block = re.search(rf"set\({variable}\s+([^)]*)\)", text)
    assert block, f"CMakeLists.txt does not set {variable}"
    return [entry.replace("${MODULE_NAME}", "PatientSpecificTuning") for entry in block[1].split()]


def test_cmake_lists_every_script_on_disk_and_no_other() -> None:
    assert sorted(_listed("MODULE_PYTHON_SCRIPTS")) == sorted(_relative(path) for path in SCRIPTS)


def test_cmake_lists_every_resource_on_disk_and_no_other() -> None:
    files = [p for p in (MODULE / "Resources").rglob("*") if p.is_file() and not p.name.startswith(".")]
    assert sorted(_listed("MODULE_PYTHON_RESOURCES")) == sorted(_relative(path) for path in files)


def test_the_top_level_holds_only_what_an_extension_may_have() -> None:
    names = {p.name for p in REPOSITORY.iterdir() if not p.name.startswith(".")}
    allowed = {"CMakeLists.txt", "PatientSpecificTuning", "Resources", "Testing", "README.md", "LICENSE.txt"}
    assert names <= allowed | {"output"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-panel.txt", "requirements-motion.txt"])
def test_every_requirement_is_pinned_and_names_no_host(name: str) -> None:
    lines = (REPOSITORY / "Testing" / name).read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9.]*", line) for line in packages)


def test_the_two_commands_need_nothing_but_the_standard_library() -> None:
    import sys

    for name in ("environment.py", "run.py", "demo.py"):
        tops = _tops(_modules(ast.walk(_tree(REPOSITORY / "Testing" / name))))
        assert tops <= set(sys.stdlib_module_names) | {"environment"}
