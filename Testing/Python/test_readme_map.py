"""The map for newcomers in the README names rooms, files and functions that exist."""

from __future__ import annotations

import ast
import re

import pytest
from test_structure import FLOORS
from test_structure import LIBRARY
from test_structure import REPOSITORY

NO_ROOM = {"workflow", "ground"}


def _map() -> str:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return text.partition("## For developers\n")[2].partition("\n## ")[0]


ROOMS = dict(re.findall(r"^\| `([a-z_/]+)/` \| (.+) \|$", _map(), re.MULTILINE))
NAMED_FUNCTIONS = re.findall(r"`(engine/[a-z_/]+\.py)` `([a-z_]+)`", _map())


def test_every_room_has_one_row() -> None:
    rooms = {room for floor in FLOORS for room in floor} - NO_ROOM
    assert {room.removeprefix("engine/") for room in ROOMS} == rooms


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_says_of_itself_what_the_map_says(room: str) -> None:
    source = (LIBRARY / room / "__init__.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)) == ROOMS[room]


def test_the_way_of_a_scan_has_ten_steps_in_many_rooms() -> None:
    assert len(re.findall(r"^\d+\. `engine/", _map(), re.MULTILINE)) == 10
    assert len({file.split("/")[1] for file, _ in NAMED_FUNCTIONS}) >= 5


@pytest.mark.parametrize(("file", "function"), NAMED_FUNCTIONS)
def test_a_function_on_the_way_exists(file: str, function: str) -> None:
    tree = ast.parse((LIBRARY / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
