"""The command line: what happens around a verb, from its arguments to the exit code."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NoReturn

from ..engine.errors import InputError
from ..engine.images.formats import require_utf8
from .arguments import build_parser
from .interruption import ended_like_ctrl_c
from .library_lines import kept_aside
from .progress_bar import progress_bars

DONE = 0
UNEXPECTED = 1
BAD_INPUT = 2
CANCELLED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0 done, 1 unexpected, 2 usage or bad input, 3 cancelled.

    Answers go to standard output, as JSON with --json; progress and complaints to standard error.
    """
    parser = build_parser(_Parser)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    with kept_aside() as library_lines:
        return _run(options, library_lines)


def _run(options: argparse.Namespace, library_lines: Callable[[], list[str]]) -> int:
    try:
        _require_text(vars(options))
        with progress_bars(shown=not options.quiet) as progress, ended_like_ctrl_c():
            answer = options.run(options, progress)
    except InputError as error:
        return _complain(str(error), BAD_INPUT)
    except OSError as error:
        return _complain(_file_problem(error), BAD_INPUT)
    except MemoryError:
        return _complain("The memory is not enough; close other programs or use a smaller image.", BAD_INPUT)
    except KeyboardInterrupt:
        return _complain("Cancelled; what was complete is kept, run again to go on.", CANCELLED)
    except Exception:
        print("\n".join(library_lines()), file=sys.stderr)
        traceback.print_exc()
        return _complain("Something unexpected happened; please report the lines above.", UNEXPECTED)
    # A process that only helps another one has no answer of its own.
    if answer:
        _show(answer, as_json=options.json)
    return DONE


def _require_text(options: Mapping[str, object]) -> None:
    """Refuse arguments that are not UTF-8, since libraries end the process at such a path."""
    for name, value in options.items():
        for entry in value if isinstance(value, list | tuple) else [value]:
            if isinstance(entry, str | Path):
                require_utf8(Path(entry), name.replace("_", " "))


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence, without the usage that would hide it."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:].rstrip(".")
        self.exit(BAD_INPUT, f"{sentence}; see {self.prog} --help.\n")


def _complain(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


def _file_problem(error: OSError) -> str:
    name = error.filename or "A file"
    return (
        f"{name} cannot be used ({error.strerror or error}); check the path, your rights and the free space."
    )


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer, indent=2, default=str))
        return
    for name, value in answer.items():
        print(_line(name.replace("_", " "), value))


def _line(name: str, value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        columns = list(value[0])
        rows = [
            "  " + "  ".join(f"{column.replace('_', ' ')} {_short(row[column])}" for column in columns)
            for row in value
        ]
        return "\n".join([f"{name}:", *rows])
    if isinstance(value, dict):
        return "\n".join(
            [f"{name}:", *(f"  {key.replace('_', ' ')}: {_short(entry)}" for key, entry in value.items())]
        )
    if isinstance(value, list):
        return "\n".join([f"{name}:", *(f"  {entry}" for entry in value)]) if value else f"{name}: none"
    return f"{name}: {_short(value)}"


def _short(value: Any) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(entry)}" for key, entry in value.items())
    return str(value)
