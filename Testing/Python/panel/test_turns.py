"""What the panel does in steps: one in each turn of the event loop, and safe wherever it is given up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_harness import DirectClient
from panel_harness import Work
from panel_harness import start_standin


@pytest.fixture(scope="module", autouse=True)
def _application():
    start_standin()


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """A tiny patient that is chosen, not prepared."""
    opened = Work(tmp_path, DirectClient())
    opened.choose_tiny_patient()
    yield opened
    opened.close()


class Counted:
    """Turns of three steps, and what became of them."""

    def __init__(self, fails: int = 0) -> None:
        from PatientSpecificTuningLib.panel.turns import Turns

        self.done: list[int] = []
        self.ended, self.failures, self.closed = 0, [], 0
        self.turns = Turns(self._ended, self.failures.append)
        self.turns.take(self.steps(fails))

    def _ended(self) -> None:
        self.ended += 1

    def steps(self, fails: int = 0) -> Any:
        try:
            for step in range(1, 4):
                if step == fails:
                    raise ValueError(step)
                self.done.append(step)
                yield
        except GeneratorExit:
            self.closed += 1
            raise

    def pass_turns(self, most: int = 50) -> list[int]:
        """Let the event loop turn, and return how many steps were done after each turn."""
        import slicer

        seen = []
        for _turn in range(most):
            slicer.app.processEvents()
            seen.append(len(self.done))
        return seen


def test_one_step_is_done_in_each_turn_and_the_end_is_told() -> None:
    counted = Counted()
    assert counted.done == []
    assert counted.turns.isBusy
    seen = counted.pass_turns()
    assert all(after - before <= 1 for before, after in itertools.pairwise(seen))
    assert (counted.done, counted.ended, counted.turns.isBusy) == ([1, 2, 3], 1, False)


def test_what_comes_later_waits_for_what_is_there() -> None:
    counted = Counted()
    later: list[str] = []

    def more() -> Any:
        later.append(f"after {len(counted.done)}")
        yield

    counted.turns.take(more())
    counted.pass_turns()
    assert (later, counted.ended) == (["after 3"], 2)


def test_a_step_that_fails_ends_what_waits_behind_it() -> None:
    counted = Counted(fails=2)
    counted.turns.take(counted.steps())
    counted.pass_turns()
    assert [str(failure) for failure in counted.failures] == ["2"]
    assert (counted.done, counted.turns.isBusy) == ([1], False)


def test_what_is_given_up_cleans_up_and_does_no_further_step() -> None:
    counted = Counted()
    while not counted.done:
        counted.pass_turns(1)
    assert counted.turns.drop()
    assert counted.closed == 1
    counted.pass_turns()
    assert counted.done == [1]
    assert counted.ended == 0
    assert not counted.turns.drop()


def test_a_step_that_gives_all_up_itself_is_closed_behind_itself() -> None:
    from PatientSpecificTuningLib.panel.turns import Turns

    closed: list[bool] = []
    turns = Turns(lambda: None, lambda error: None)

    def steps() -> Any:
        try:
            turns.drop()
            yield
        finally:
            closed.append(True)

    turns.take(steps())
    Counted().pass_turns()
    assert (closed, turns.isBusy) == ([True], False)


def test_what_a_thread_does_is_waited_for_turn_by_turn_and_returned() -> None:
    from threading import Event

    from PatientSpecificTuningLib.panel.turns import aside
    from PatientSpecificTuningLib.panel.turns import atOnce

    go, returned = Event(), []

    def steps() -> Any:
        returned.append((yield from aside(lambda: go.wait() and "done")))

    running = steps()
    for _turn in range(3):
        next(running)
    assert returned == []
    go.set()
    atOnce(running)
    assert returned == ["done"]


def test_what_fails_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    from PatientSpecificTuningLib.panel.turns import aside
    from PatientSpecificTuningLib.panel.turns import atOnce

    with pytest.raises(ZeroDivisionError):
        atOnce(aside(lambda: 1 / 0))


def _nodes() -> set[str]:
    """All nodes of the scene, by id."""
    import slicer

    scene = slicer.mrmlScene
    # Made when it is first asked for, and never removed.
    scene.GetSubjectHierarchyNode()
    nodes = [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())]
    return {node.GetID() for node in nodes}


def _pass_steps(work: Work, count: int) -> None:
    """Let the panel take some of its steps, as that many turns of the event loop would."""
    for _step in range(count):
        work.logic.requests._turns._step()


@pytest.mark.parametrize("steps", [0, 1, 3, 7])
def test_cancelling_while_the_sample_is_loaded_leaves_nothing_of_it(tmp_path: Path, steps: int) -> None:
    work = Work(tmp_path, DirectClient())
    before = _nodes()
    work.logic.loadSample()
    assert work.state.running.text == "Loading the sample case"
    assert work.state.canCancel
    _pass_steps(work, steps)
    work.logic.cancel()
    assert _nodes() == before
    assert work.state.running is None
    assert work.state.message.text == "Cancelled; what was complete is kept."
    assert work.parameters.baselineFirst is None
    work.logic.loadSample(waitForCompletion=True)
    assert work.state.problems == ()
    assert work.state.message.text == "The sample case is loaded; press Start."
    work.close()


def test_closing_the_scene_while_the_sample_is_loaded_ends_that(tmp_path: Path) -> None:
    import slicer

    work = Work(tmp_path, DirectClient())
    work.logic.loadSample()
    _pass_steps(work, 3)
    work.logic.disconnectScene()
    assert not work.logic.requests.isBusy
    for _turn in range(20):
        slicer.app.processEvents()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    work.close()


def test_the_images_are_written_one_by_one_and_the_worker_is_asked_when_all_are(work: Work) -> None:
    work.logic.start()
    asked = [verb for verb, _arguments in work.client.requests]
    assert asked[-1] == "hello"
    inputs = Path(work.state.caseFolder) / "inputs"
    counts = []
    for _image in range(6):
        _pass_steps(work, 1)
        counts.append(len(list(inputs.iterdir())))
    assert counts == [1, 2, 3, 4, 5, 6]
    assert "prepare" not in [verb for verb, _arguments in work.client.requests]
    work.logic.requests.wait()
    assert work.state.isPrepared
    assert work.state.corrections.nodeId


def test_cancelling_while_images_are_written_asks_nothing_of_the_worker(work: Work) -> None:
    work.logic.start()
    _pass_steps(work, 2)
    work.logic.cancel()
    _pass_steps(work, 20)
    assert "prepare" not in [verb for verb, _arguments in work.client.requests]
    assert work.state.running is None
    assert work.state.canStart
    work.logic.start(waitForCompletion=True)
    assert work.state.isPrepared


def test_images_that_are_changed_while_they_are_written_are_not_prepared(work: Work) -> None:
    import slicer
    from PatientSpecificTuningLib.engine.errors import InputError

    work.logic.start()
    _pass_steps(work, 3)
    slicer.util.arrayFromVolume(work.parameters.followupFirst)[1] = 0
    slicer.util.arrayFromVolumeModified(work.parameters.followupFirst)
    with pytest.raises(InputError, match="changed while they were read"):
        work.logic.requests.wait()
    assert "prepare" not in [verb for verb, _arguments in work.client.requests]
    assert work.state.canStart


def test_other_images_that_are_chosen_while_corrections_begin_get_none_of_them(work: Work) -> None:
    import slicer

    work.logic.start()
    # Six images and the end of that, and the look at the prepared case, before what the base CNN found is there.
    _pass_steps(work, 9)
    assert "prepare" in [verb for verb, _arguments in work.client.requests]
    assert work.state.isPrepared
    work.choose_tiny_patient("other", seed=2)
    work.logic.requests.wait()
    assert not work.state.isPrepared
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_voxels_are_read_node_by_node_before_the_panel_looks(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    reader = work.logic.reader
    work.logic.reader.forget()
    looks, reads = [], []
    monkeypatch.setattr(work.logic, "_refreshNow", lambda: looks.append(len(reads)))
    real = reader.readNext
    monkeypatch.setattr(reader, "readNext", lambda parameters: reads.append(real(parameters)) or reads[-1])
    work.logic.changed()
    for _turn in range(50):
        slicer.app.processEvents()
    assert reads == [True] * 6 + [False]
    assert looks == [7]


def test_what_cannot_be_judged_is_not_judged_again_after_each_mark(work: Work) -> None:
    work.logic.parameters().repetitions = 0
    work.logic.start(waitForCompletion=True)
    work.logic.showStep("correct")
    work.draw(work.state.corrections.rows[0].slice)
    work.logic.markCorrected()

    real = work.client.request
    judged: list[str] = []

    def request(verb: str, arguments: dict, **options: Any) -> int:
        if verb != "judge":
            return real(verb, arguments, **options)
        judged.append(arguments["number"])
        options["onError"](failure)
        return 0

    from PatientSpecificTuningLib.jobs.failure import Failure

    work.client.request = request
    failure = Failure("Making way.", "cancelled")
    work.logic.tune(waitForCompletion=True)
    assert judged
    failure, asked = Failure("The disk is full.", "input"), len(judged)
    work.logic.workAhead()
    assert len(judged) == asked + 1
    work.logic.workAhead()
    assert len(judged) == asked + 1
