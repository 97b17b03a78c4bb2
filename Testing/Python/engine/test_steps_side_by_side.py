"""Steps at the same time: all outcomes in order, the error that came first, and nobody who works on for nothing."""

from __future__ import annotations

from threading import Barrier
from threading import Event

import pytest
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.side_by_side import side_by_side

LONG_S = 20


def until_ended(report):
    """A step that only ends when it is told to, or after far too long."""
    for _ in range(100 * LONG_S):
        report("Working", 0.5)
        Event().wait(0.01)
    pytest.fail("nobody ended this step")


def fails(_report):
    message = "The volume is empty; choose another."
    raise InputError(message)


def test_steps_run_at_the_same_time_and_their_outcomes_keep_the_order_of_the_steps():
    meeting = Barrier(3, timeout=LONG_S)

    def step(number):
        def run(_report):
            meeting.wait()
            return number

        return run

    assert side_by_side([step(number) for number in range(3)]) == [0, 1, 2]


def test_the_mean_of_all_is_told_as_progress():
    told = []

    def step(report):
        report("Working", 0.5)
        report("Working", 1.0)

    side_by_side([step, step], lambda stage, fraction: told.append((stage, fraction)))
    assert told[-1] == ("Working", 1.0)
    assert [fraction for _stage, fraction in told] == sorted(fraction for _stage, fraction in told)
    assert len(told) == 4


@pytest.mark.parametrize(
    "steps", [[fails, until_ended], [until_ended, fails], [until_ended, until_ended, fails]]
)
def test_where_one_fails_the_others_end_and_its_own_error_is_raised(steps):
    with pytest.raises(InputError, match="choose another"):
        side_by_side(steps)


def test_steps_within_steps_end_as_well():
    with pytest.raises(InputError, match="choose another"):
        side_by_side([lambda report: side_by_side([until_ended, until_ended], report), fails])


def test_all_end_where_progress_says_that_the_work_is_cancelled():
    def cancelled(_stage, _fraction):
        message = "The work was cancelled."
        raise Cancelled(message)

    with pytest.raises(Cancelled, match="was cancelled"):
        side_by_side([until_ended, until_ended], cancelled)


def test_an_interrupt_while_waiting_for_the_others_ends_them():
    began = Event()

    def interrupted(_report):
        began.wait(LONG_S)
        raise KeyboardInterrupt

    def other(report):
        began.set()
        until_ended(report)

    with pytest.raises(KeyboardInterrupt):
        side_by_side([interrupted, other])
