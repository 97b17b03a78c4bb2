"""How far all of preparing is, and how long it still takes."""

from __future__ import annotations

import itertools

import pytest
from PatientSpecificTuningLib.jobs import worker
from PatientSpecificTuningLib.jobs.whole_preparation import WholePreparation

STEPS = (
    "both: Preprocessing",
    "baseline: Computing features",
    "followup: Computing features",
    "both: Aligning the baseline",
)


def told(stages: tuple[str, ...]) -> list[tuple[str, float]]:
    """What is told of steps that each go from 0 to 1 in quarters."""
    said: list[tuple[str, float]] = []
    whole = WholePreparation(lambda stage, fraction: said.append((stage, fraction)))
    for stage in stages:
        for quarter in range(5):
            whole(stage, quarter / 4)
    return said


def test_the_fraction_never_falls_and_is_full_only_at_the_end() -> None:
    said = told(STEPS)
    fractions = [fraction for _stage, fraction in said]
    assert all(before <= after for before, after in itertools.pairwise(fractions))
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert all(fraction < 1 for fraction in fractions[:-1])
    assert [stage for stage, _fraction in said[::5]] == list(STEPS)


@pytest.mark.parametrize("left_out", [(0,), (2, 3), (0, 1, 2)])
def test_what_is_prepared_already_is_leapt_over(left_out: tuple[int, ...]) -> None:
    fractions = [
        fraction for _s, fraction in told(tuple(s for i, s in enumerate(STEPS) if i not in left_out))
    ]
    assert all(before <= after for before, after in itertools.pairwise(fractions))


def test_the_time_left_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it took 50 s, so the other half takes 50 s; before, the end of the first step said that it is over."""
    clock = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    said: list[float | None] = []
    report = worker._Reporter(lambda **values: said.append(values["remaining_s"]))
    for seconds, stage, fraction in (
        (0.0, "first", 0.0),
        (24.0, "first", 0.25),
        (50.0, "second", 0.5),
        (60.0, "of something else", 0.0),
        (70.0, "of something else", 0.5),
    ):
        clock[0] = seconds
        report(stage, fraction)
    assert said == [None, pytest.approx(72), pytest.approx(50), None, pytest.approx(10)]
