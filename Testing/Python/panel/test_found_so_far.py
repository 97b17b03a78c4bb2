"""While a scan is prepared, what the base CNN finds shows slice by slice, over the right images and not a moment longer."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_harness import DirectClient
from panel_harness import Work
from panel_harness import start_standin

EXAMINATIONS = ("baseline", "followup")


@pytest.fixture(scope="module", autouse=True)
def _application():
    start_standin()


class WatchedClient(DirectClient):
    """Lets the test look whenever a part of an answer was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[dict], None] = lambda part: None

    def request(self, verb: str, arguments: dict, **callbacks: Any) -> int:
        def heard(part: dict) -> None:
            callbacks["onPart"](part)
            self.look(part)

        return super().request(verb, arguments, **{**callbacks, "onPart": heard})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the views of each examination were told to show last."""
    from PatientSpecificTuningLib.panel.scene.views import Views

    last: dict[str, Any] = {}
    monkeypatch.setattr(Views, "show", lambda self, layout, shown, matrix: iter(last.update(shown) or ()))
    return last


@pytest.fixture
def work(tmp_path: Path, told: dict[str, Any]) -> Iterator[Work]:
    opened = Work(tmp_path, WatchedClient())
    opened.choose_tiny_patient()
    yield opened
    opened.close()


def _labelmaps() -> list:
    import slicer

    nodes = slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")
    return [node for node in nodes if node.GetName() == "Found so far"]


def test_each_slice_shows_in_the_view_of_its_examination_as_soon_as_it_is_told(
    work: Work, told: dict[str, Any]
) -> None:
    import slicer

    shown: dict[str, set[int]] = {examination: set() for examination in EXAMINATIONS}

    def look(part: dict) -> None:
        work.settle()
        assert work.state.running is not None
        node = slicer.mrmlScene.GetNodeByID(told[part["examination"]].labelId)
        assert not node.GetSaveWithScene()
        found = slicer.util.arrayFromVolume(node)
        shown[part["examination"]] |= {int(z) for z in np.flatnonzero(found.any(axis=(1, 2)))}

    work.client.look = look
    work.logic.start(waitForCompletion=True)
    work.settle()
    assert all(shown.values())
    assert work.state.isPrepared
    assert (_labelmaps(), [told[examination].labelId for examination in EXAMINATIONS]) == ([], ["", ""])


def test_it_is_never_shown_over_images_that_were_chosen_meanwhile(work: Work, told: dict[str, Any]) -> None:
    import slicer

    other = slicer.modules.volumes.logic().CloneVolume(
        slicer.mrmlScene, work.parameters.baselineFirst, "other"
    )
    slicer.util.arrayFromVolume(other)[0, 0, 0] += 1
    slicer.util.arrayFromVolumeModified(other)
    seen = []

    def look(part: dict) -> None:
        work.parameters.baselineFirst = other
        assert work.state.baseline.shownId == other.GetID()
        work.settle()
        seen.append((told["baseline"].volumeId, told["baseline"].labelId))

    work.client.look = look
    work.logic.start(waitForCompletion=True)
    assert set(seen) == {(other.GetID(), "")}


def test_nothing_stays_where_the_preparation_fails(work: Work) -> None:
    from PatientSpecificTuningLib.engine.errors import InputError

    def look(part: dict) -> None:
        assert _labelmaps()
        message = "The disk is full; make room."
        raise InputError(message)

    work.client.look = look
    with pytest.raises(InputError, match="make room"):
        work.logic.start(waitForCompletion=True)
    work.settle()
    assert (work.state.message.text, _labelmaps()) == ("The disk is full; make room.", [])
