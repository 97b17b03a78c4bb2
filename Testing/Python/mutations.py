"""Damaged versions of valid files: bytes changed, cut or repeated, and JSON whose values are others."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
import struct
from typing import Any

_NUMBERS = (-1, 0, 1, 2, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**63, 10**30)
_VALUES: tuple[Any, ...] = (
    *_NUMBERS,
    -1e308,
    1e30,
    0.5,
    float("nan"),
    float("inf"),
    None,
    True,
    "",
    "../../victim",
    "/etc/passwd",
    "C:\\victim",
    "\x00",
    "a" * 5000,
    "<img src=x>",
    [],
    {},
    [[]],
    [1, 2, 3],
    ["FLAIR"],
    {"a": 1},
)
_TOKENS = (b"NaN", b"1e999", b"-", b'"', b"{", b"[", b"\x00", b"\xff", b"../", b"\n", b"9" * 40, b";", b",")


def mutated_bytes(content: bytes, chance: random.Random) -> bytes:
    """A valid file with one to five things wrong with it."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        _ONE_CHANGE[chance.randrange(len(_ONE_CHANGE))](data, chance)
    return bytes(data)


def mutated_compressed(content: bytes, chance: random.Random) -> bytes:
    """A valid compressed file that is damaged before or after it was compressed."""
    if chance.random() < 0.3:
        return mutated_bytes(content, chance)
    return gzip.compress(mutated_bytes(gzip.decompress(content), chance), compresslevel=1)


def mutated_json(content: bytes, chance: random.Random) -> bytes:
    """A valid JSON file with other values in some places, or damaged as bytes."""
    if chance.random() < 0.2:
        return mutated_bytes(content, chance)
    if chance.random() < 0.01:
        depth = chance.choice((100, 1000, 100_000))
        return b"[" * depth + b"]" * depth
    return json.dumps(with_damaged_values(json.loads(content), chance)).encode()


def mutated_text(content: bytes, chance: random.Random) -> bytes:
    """A valid text of words and numbers with other ones in some places, or damaged as bytes."""
    if chance.random() < 0.4:
        return mutated_bytes(content, chance)
    parts = re.split(rb"([\s,;]+)", content)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(parts))
        parts[place] = chance.choice((b"", str(chance.choice(_VALUES)).encode(), parts[place] * 2))
    return b"".join(parts)


def with_damaged_values(values: Any, chance: random.Random) -> Any:
    """JSON values with one to three others in them."""
    for _ in range(chance.randint(1, 3)):
        values = with_other_value(values, chance.choice(_VALUES), chance)
    return values


def with_other_value(values: Any, other: Any, chance: random.Random) -> Any:
    """A copy of JSON values in which one, anywhere, is another one, is missing, or stands there twice."""
    changed = copy.deepcopy(values)
    places = list(_places(changed))
    if not places:
        return other
    holder, key = chance.choice(places)
    if chance.random() < 0.15:
        del holder[key]
    elif chance.random() < 0.1 and isinstance(holder, dict):
        holder[str(other)[:50]] = holder.pop(key)
    elif chance.random() < 0.1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = copy.deepcopy(other)
    return changed


def _places(values: Any) -> Any:
    pairs = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    )
    for key, value in list(pairs):
        yield values, key
        yield from _places(value)


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[_early(data, chance)] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random) -> None:
    if data:
        data[_early(data, chance)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def _number(data: bytearray, chance: random.Random) -> None:
    kind = chance.choice(("<h", "<i", "<q", "<f", ">i", "<d"))
    if len(data) <= 8:
        return
    if kind[1] in "fd":
        value: Any = chance.choice((0.0, -1.0, 1e30, float("nan"), float("inf"), 1e-30))
    else:
        bits = 8 * struct.calcsize(kind) - 1
        value = chance.choice([n for n in _NUMBERS if -(2**bits) <= n < 2**bits])
    struct.pack_into(kind, data, min(_early(data, chance), len(data) - 8), value)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _take_out(data: bytearray, chance: random.Random) -> None:
    start = _early(data, chance) if data else 0
    del data[start : start + chance.randrange(1, 64)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    start = _early(data, chance) if data else 0
    data[start:start] = data[start : start + chance.randrange(1, 64)] * chance.randrange(1, 20)


def _token(data: bytearray, chance: random.Random) -> None:
    start = _early(data, chance) if data else 0
    data[start:start] = chance.choice(_TOKENS)


def _early(data: bytearray, chance: random.Random) -> int:
    """A place in the file, most often in its head, where lengths and kinds stand."""
    return chance.randrange(min(len(data), chance.choice((64, 400, len(data)))))


_ONE_CHANGE = (_flip, _set, _number, _number, _cut, _take_out, _repeat, _token)
