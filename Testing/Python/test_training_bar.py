"""What a training of a shipped model tells while it runs."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from types import SimpleNamespace

from Training.training_bar import training_bar


class Terminal(io.StringIO):
    """Standard error that somebody watches."""

    def isatty(self) -> bool:
        return True


def _train(error: io.StringIO) -> str:
    with redirect_stderr(error), training_bar("stage", 3) as report:
        for iteration in (1, 2, 3):
            report(SimpleNamespace(iteration=iteration, losses=[0.5, 0.25, 0.75][:iteration]))
    return error.getvalue()


def test_a_log_gets_a_line_at_the_beginning_of_a_training_and_one_at_its_end() -> None:
    assert _train(io.StringIO()).splitlines() == ["stage: 3 iterations", "stage: loss 0.500"]


def test_a_terminal_gets_a_bar_with_the_loss() -> None:
    drawn = _train(Terminal())
    assert "stage: 100%|" in drawn
    assert "loss=0.500" in drawn
