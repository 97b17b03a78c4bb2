"""Reading a transform from a file: its usual reader ends the process where a file is damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import SimpleITK as sitk

from ..files.decimal_points import decimal_points

TEXT_SUFFIXES = (".tfm", ".txt")
_HEAD = "#Insight Transform File V1.0"
_LARGEST_BYTES = 100_000
# In mm, or a number in a matrix: nothing of a patient is as far away.
_LARGEST_NUMBER = 1e6
_LONGEST_S = 120.0
# Damaged HDF5 ends the process that reads it, so that another one does; it tells where a transform brings four points.
_READ_ELSEWHERE = """
import json, sys
import SimpleITK as sitk
transform = sitk.ReadTransform(sys.argv[1])
if transform.GetDimension() != 3 or not transform.IsLinear():
    sys.exit(3)
points = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
print(json.dumps([transform.TransformPoint(point) for point in points]))
"""
# How many parameters each kind has, and how many that are fixed; Euler angles knew three of these before.
_LINEAR = {
    "AffineTransform": (12, {3}),
    "Euler3DTransform": (6, {3, 4}),
    "IdentityTransform": (0, {0}),
    "MatrixOffsetTransformBase": (12, {3}),
    "ScaleTransform": (3, {3}),
    "ScaleVersor3DTransform": (9, {3}),
    "Similarity3DTransform": (7, {3}),
    "TranslationTransform": (3, {0}),
    "VersorRigid3DTransform": (6, {3}),
    "VersorTransform": (3, {3}),
}
_SPACES = ("double_3_3", "float_3_3")
_KINDS = {f"{name}_{space}": counts for name, counts in _LINEAR.items() for space in _SPACES}
_WHOLE = {f"CompositeTransform_{space}" for space in _SPACES}


@decimal_points()
def read_transform(path: Path) -> sitk.Transform:
    """A linear transform in space, or a chain of these, without NaN; what is no text comes as one affine transform.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such transform.
    """
    if path.suffix.lower() not in TEXT_SUFFIXES:
        return _read_elsewhere(path)
    _require_linear(path)
    try:
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        message = "no transform"
        raise ValueError(message) from error
    if transform.GetDimension() != 3:
        message = "no transform in three dimensions"
        raise ValueError(message)
    _require_numbers(transform.GetParameters(), "parameters")
    return transform


def _read_elsewhere(path: Path) -> sitk.Transform:
    path.stat()
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _READ_ELSEWHERE, str(path)],
            capture_output=True,
            check=True,
            timeout=_LONGEST_S,
            creationflags=hidden,
        )
        origin, *units = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        message = "no linear transform in three dimensions"
        raise ValueError(message) from error
    columns = [[unit[axis] - origin[axis] for axis in range(3)] for unit in units]
    matrix = [columns[column][row] for row in range(3) for column in range(3)]
    _require_numbers([*matrix, *origin], "it")
    return sitk.AffineTransform(matrix, origin)


def _require_numbers(numbers: Iterable[float], where: str) -> None:
    # NaN is not in order either.
    if not all(abs(number) <= _LARGEST_NUMBER for number in numbers):
        message = f"NaN or too large numbers in {where}"
        raise ValueError(message)


def _require_linear(path: Path) -> None:
    with open(path, "rb") as stream:
        content = stream.read(_LARGEST_BYTES + 1)
    lines = [line.strip() for line in content.decode("ascii").splitlines()]
    if len(content) > _LARGEST_BYTES or not lines or lines[0] != _HEAD:
        message = "no text of a linear transform"
        raise ValueError(message)
    fields = [line.partition(":") for line in lines if line and not line.startswith("#")]
    left = [(name.strip(), value.strip()) for name, _colon, value in fields]
    if not left:
        message = "no transform in it"
        raise ValueError(message)
    while left:
        name, left = _value(left, "Transform"), left[1:]
        if name in _WHOLE:
            continue
        if name not in _KINDS:
            message = f"{name[:60]} is no linear transform in space"
            raise ValueError(message)
        parameters, fixed = _KINDS[name]
        if (
            len(_numbers(left, "Parameters")) != parameters
            or len(_numbers(left[1:], "FixedParameters")) not in fixed
        ):
            message = f"{name} with another number of parameters"
            raise ValueError(message)
        left = left[2:]


def _value(left: list[tuple[str, str]], field: str) -> str:
    if not left or left[0][0] != field:
        message = f"no {field}"
        raise ValueError(message)
    return left[0][1]


def _numbers(left: list[tuple[str, str]], field: str) -> list[float]:
    numbers = [float(text) for text in _value(left, field).split()]
    _require_numbers(numbers, field)
    return numbers
