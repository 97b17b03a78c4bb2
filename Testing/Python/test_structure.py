"""The rules of the tree: which way imports point, where torch may be loaded, and what CMake packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY
from package import cmake_values

MODULE = REPOSITORY / "PatientSpecificTuning"
LIBRARY = MODULE / "PatientSpecificTuningLib"
SCRIPTS = sorted(path for path in MODULE.rglob("*.py"))
# Rooms from the top of the house to the cellar: a file imports its own room and those below, never one above.
# Rooms on one floor do not know each other. `workflow` stands for the files that lie in the engine itself.
FLOORS = (
    {"command_line", "panel"},
    {"jobs"},
    {"study"},
    {"cohort"},
    {"workflow"},
    {"dicom"},
    {"report"},
    {"verdict"},
    {"judging", "tuning", "training", "phantoms"},
    {"lesions"},
    {"network"},
    {"case"},
    {"images"},
    {"model"},
    {"files"},
    {"ground"},
)
# What every room may use.
GROUND = {"errors", "progress", "side_by_side"}
MAY_LOAD_TORCH = {
    "engine/lesions/logit_moments.py",
    "engine/lesions/uncertainty.py",
    "engine/network/chunk_threads.py",
    "engine/network/feature_words.py",
    "engine/network/features.py",
    "engine/network/folded_head.py",
    "engine/network/frozen_trunk.py",
    "engine/network/model_folder.py",
    "engine/network/network.py",
    "engine/network/prediction.py",
    "engine/network/random_bits.py",
    "engine/network/tuned_head.py",
    "engine/training/base_training.py",
    "engine/training/frozen_statistics.py",
    "engine/training/group.py",
    "engine/training/patch_sampler.py",
    "engine/tuning/batches.py",
    "engine/tuning/head_trainer.py",
    "engine/tuning/logit_shift.py",
    "engine/tuning/patch_features.py",
    "engine/tuning/tuning.py",
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


def _imported_files(path: Path, nodes: list[ast.stmt] | Iterator[ast.AST]) -> dict[str, set[str]]:
    """Files of the library that these nodes of a file import, each with the names taken from it."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        folder = path.parents[node.level - 1]
        base = folder.joinpath(*(node.module or "").split(".")) if node.module else folder
        for alias in node.names:
            whole = (base / alias.name).with_suffix(".py")
            file = whole if whole.is_file() else base.with_suffix(".py")
            if file.is_file():
                found.setdefault(file.relative_to(LIBRARY).as_posix(), set()).add(alias.name)
    return found


def _room(relative: str) -> str:
    parts = Path(relative).parts
    if parts[0] != "engine":
        return parts[0] if len(parts) > 1 else "command_line"
    if len(parts) > 2:
        return parts[1]
    return "ground" if Path(relative).stem in GROUND else "workflow"


def _floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def upward_imports(file: str, imported: set[str]) -> list[str]:
    """Those imports that lead to another room which does not lie below the file's own."""
    own = _room(file)
    return [other for other in imported if _room(other) != own and _floor(_room(other)) <= _floor(own)]


LIBRARY_FILES = sorted(path for path in LIBRARY.rglob("*.py"))
TESTS = Path(__file__).parent
ROOM_TESTS = sorted(path for path in TESTS.rglob("test_*.py") if path.parent != TESTS)


@pytest.mark.parametrize("path", LIBRARY_FILES, ids=_relative)
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    file = path.relative_to(LIBRARY).as_posix()
    assert upward_imports(file, set(_imported_files(path, ast.walk(_tree(path))))) == []


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("engine/case/case.py", "engine/network/network.py"),
        ("engine/images/volumes.py", "engine/case/case.py"),
        ("engine/tuning/tuning.py", "engine/judging/metrics.py"),
        ("engine/lesions/results.py", "engine/workflow.py"),
        ("engine/workflow.py", "engine/cohort/manifest.py"),
        ("jobs/client.py", "panel/logic.py"),
        ("engine/errors.py", "engine/files/atomic.py"),
    ],
)
def test_an_arrow_that_points_upwards_is_noticed(file: str, imported: str) -> None:
    assert upward_imports(file, {imported}) == [imported]


@pytest.mark.parametrize("path", LIBRARY_FILES, ids=_relative)
def test_a_room_takes_no_underscore_name_from_another(path: Path) -> None:
    room = _room(path.relative_to(LIBRARY).as_posix())
    taken = _imported_files(path, ast.walk(_tree(path)))
    private = {
        name
        for file, names in taken.items()
        for name in {*names, Path(file).stem}
        if name.startswith("_") and _room(file) != room
    }
    assert private == set()


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("__init__.py")), ids=_relative)
def test_a_room_says_in_one_sentence_what_it_is_for(path: Path) -> None:
    tree = _tree(path)
    assert len(tree.body) == 1
    assert (ast.get_docstring(tree) or "").count("\n") == 0


@pytest.mark.parametrize("path", ROOM_TESTS, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_a_test_lies_in_the_room_that_it_tests(path: Path) -> None:
    room = path.parent.relative_to(TESTS)
    own = ".".join(("PatientSpecificTuningLib", *room.parts))
    imported = _modules(ast.walk(_tree(path)))
    assert (LIBRARY / room).is_dir()
    # Some reach their room through what the tests beside them share.
    shared = {path.stem for path in path.parent.glob("*.py")}
    assert imported & shared or any(f"{module}.".startswith(f"{own}.") for module in imported)


@pytest.mark.parametrize("path", sorted((LIBRARY / "engine").rglob("*.py")), ids=_relative)
def test_the_engine_does_not_import_the_viewer(path: Path) -> None:
    assert not _tops(_modules(ast.walk(_tree(path)))) & VIEWER


@pytest.mark.parametrize("path", sorted((LIBRARY / "jobs").glob("*.py")), ids=_relative)
def test_the_process_boundary_imports_no_more_of_the_viewer_than_qt_in_one_file(path: Path) -> None:
    tops = _tops(_modules(ast.walk(_tree(path))))
    assert not tops & (VIEWER - {"qt"})
    assert "qt" not in tops or path.name == "qt_process.py"


def _may_load_torch(path: Path) -> bool:
    return path.is_relative_to(LIBRARY) and path.relative_to(LIBRARY).as_posix() in MAY_LOAD_TORCH


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_torch_is_loaded_at_file_scope_only_where_the_network_itself_lives(path: Path) -> None:
    if not _may_load_torch(path):
        assert "torch" not in _tops(_modules(_tree(path).body))


@pytest.mark.parametrize("path", SCRIPTS, ids=_relative)
def test_a_file_that_is_free_of_torch_imports_no_file_that_loads_it(path: Path) -> None:
    if not _may_load_torch(path):
        assert not set(_imported_files(path, _tree(path).body)) & MAY_LOAD_TORCH


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
    return cmake_values(MODULE / "CMakeLists.txt")[variable]


def test_cmake_lists_every_script_on_disk_and_no_other() -> None:
    assert sorted(_listed("MODULE_PYTHON_SCRIPTS")) == sorted(_relative(path) for path in SCRIPTS)


def test_cmake_lists_every_resource_on_disk_and_no_other() -> None:
    files = [p for p in (MODULE / "Resources").rglob("*") if p.is_file() and not p.name.startswith(".")]
    assert sorted(_listed("MODULE_PYTHON_RESOURCES")) == sorted(_relative(path) for path in files)


def test_the_top_level_holds_only_what_an_extension_may_have() -> None:
    names = {p.name for p in REPOSITORY.iterdir() if not p.name.startswith(".")}
    allowed = {"CMakeLists.txt", "PatientSpecificTuning", "Resources", "Testing", "README.md", "LICENSE.txt"}
    assert names <= allowed | {"output"}


@pytest.mark.parametrize(
    "name",
    ["requirements.txt", "requirements-panel.txt", "requirements-motion.txt", "requirements-dicom.txt"],
)
def test_every_requirement_is_pinned_and_names_no_host(name: str) -> None:
    lines = (REPOSITORY / "Testing" / name).read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9.]*", line) for line in packages)


def test_the_commands_need_nothing_but_the_standard_library() -> None:
    import sys

    for name in ("environment.py", "run.py", "demo.py", "package.py"):
        tops = _tops(_modules(ast.walk(_tree(REPOSITORY / "Testing" / name))))
        assert tops <= set(sys.stdlib_module_names) | {"environment"}
