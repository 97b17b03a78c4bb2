"""Series of volumes in the panel: the liver's sample case, and series that are made of volumes loaded one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from builders import detection_card
from panel_harness import DirectClient
from panel_harness import Work
from panel_harness import start_standin
from patients import B_VALUES
from patients import write_liver_patient
from patients import write_model_of

PHASES, EXAMINATIONS = 4, ("baseline", "followup")


@pytest.fixture(scope="module", autouse=True)
def _application():
    start_standin()


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """An empty scene."""
    opened = Work(tmp_path, DirectClient())
    yield opened
    opened.close()


@pytest.fixture
def sample(work: Work) -> Work:
    """The liver's sample case, loaded."""
    work.logic.loadSample("liver", waitForCompletion=True)
    return work


def test_the_liver_sample_is_two_series_for_each_examination_and_complete(sample: Work) -> None:
    state, parameters = sample.state, sample.parameters
    assert state.problems == ()
    assert state.canStart
    assert parameters.model == "LiverMetastases"
    for examination in EXAMINATIONS:
        for part, name in (("First", "DCE"), ("Second", "DWI")):
            node = getattr(parameters, f"{examination}{part}")
            assert node.IsA("vtkMRMLSequenceNode")
            assert name in node.GetName()
        counts = [image.volumes for image in sample.logic.facts.images.values()]
        assert max(counts) == state.channels > 1


def test_the_phases_of_a_series_have_their_voxels_and_no_node_in_the_scene(sample: Work) -> None:
    import slicer
    from PatientSpecificTuningLib.engine.cohort.sample_cases import sample_folder
    from PatientSpecificTuningLib.engine.images.volumes import read_sequence
    from PatientSpecificTuningLib.panel.scene.node_images import volumeImages

    written = read_sequence([sample_folder("liver") / "baseline_DCE.nii.gz"], "DCE")
    held = volumeImages(sample.parameters.baselineFirst)
    assert len(held) == len(written)
    for one, other in zip(held, written, strict=True):
        difference = sitk.GetArrayViewFromImage(one) - sitk.GetArrayViewFromImage(other)
        assert abs(difference).max() == 0
        assert one.GetOrigin() == pytest.approx(other.GetOrigin(), abs=1e-4)
    # What the views show of each examination, and nothing else.
    shown = {sample.state.baseline.shownId, sample.state.followup.shownId}
    kind = "vtkMRMLScalarVolumeNode"
    assert {n.GetID() for n in slicer.util.getNodesByClass(kind) if n.GetClassName() == kind} == shown


def test_another_phase_is_shown_in_both_examinations(sample: Work) -> None:
    import slicer

    def shown() -> list[Any]:
        ids = (sample.state.baseline.shownId, sample.state.followup.shownId)
        return [slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(i)).copy() for i in ids]

    folder, before = sample.state.caseFolder, shown()
    sample.logic.showChannel(1)
    first = shown()
    sample.logic.showChannel(sample.state.channels)
    last = shown()
    for examination in range(2):
        assert (first[examination] != last[examination]).any()
    assert all(one.shape == other.shape for one, other in zip(before, last, strict=True))
    # Which phase is looked at has nothing to do with the case.
    assert sample.state.caseFolder == folder


def test_every_volume_of_a_series_is_written_in_a_turn_of_its_own_and_given_to_the_worker(
    sample: Work,
) -> None:
    asked: dict[str, dict] = {}
    sample.client.request = lambda verb, arguments, **_options: asked.update({verb: arguments})
    sample.logic.start()
    inputs, counts = Path(sample.state.caseFolder) / "inputs", []
    while "prepare" not in asked:
        sample.logic.requests._turns._step()
        counts.append(len(list(inputs.glob("*.nrrd"))))
    given = asked["prepare"]
    volumes = sample.logic.facts.images
    for examination in EXAMINATIONS:
        for part, name in (("First", "DCE"), ("Second", "DWI")):
            files = given[examination][name]
            assert len(files) == volumes[f"{examination}{part}"].volumes
            assert all(Path(file).is_file() for file in files)
        assert Path(given[f"{examination}_mask"]).is_file()
    assert all(later - earlier <= 1 for earlier, later in zip([0, *counts], counts, strict=False))


@pytest.fixture
def loaded(work: Work) -> Work:
    """A tiny patient with a liver, each b-value and each phase a volume of its own, in a scene with a tiny model."""
    import slicer

    files = write_liver_patient(work.folder / "liver")
    work.logic.addModel(str(write_model_of(detection_card(), work.folder / "model", lesion_bias=0.5)))
    for examination in EXAMINATIONS:
        dce = sitk.ReadImage(str(files / f"{examination}_DCE.nii.gz"))
        for phase in range(PHASES):
            path = work.folder / f"{examination}_phase{phase}.nii.gz"
            sitk.WriteImage(dce[:, :, :, phase], str(path))
            slicer.util.loadVolume(str(path), {"name": f"{examination} DCE {phase + 1}"})
        for b in B_VALUES:
            path = files / f"{examination}_DWI_b{b}.nii.gz"
            slicer.util.loadVolume(str(path), {"name": f"{examination} DWI b{b}"})
        mask = slicer.util.loadLabelVolume(str(files / f"{examination}_liver_mask.nii.gz"))
        setattr(work.parameters, f"{examination}Mask", mask)
    return work


def _make(work: Work, examination: str, part: str, sequence: str) -> None:
    candidates = work.logic.seriesCandidates(examination, part)
    mine = [c for c in candidates if c[2].startswith(f"{examination} {sequence}")]
    work.logic.makeSeries(examination, part, [(identifier, channel) for identifier, channel, _title in mine])


def test_volumes_that_are_named_like_the_series_are_offered_first_and_in_their_order(loaded: Work) -> None:
    titles = [title for _id, _channel, title in loaded.logic.seriesCandidates("baseline", "Second")]
    named = [title for title in titles if "DWI" in title]
    assert titles[: len(named)] == named
    assert named[:3] == ["baseline DWI b10", "baseline DWI b150", "baseline DWI b1000"]


def test_a_patient_whose_volumes_were_loaded_one_by_one_goes_through_the_whole_work(loaded: Work) -> None:
    assert {target.title for target in loaded.state.seriesTargets} >= {"Baseline DCE", "Follow-up DWI"}
    for examination in EXAMINATIONS:
        for part, sequence in (("First", "DCE"), ("Second", "DWI")):
            _make(loaded, examination, part, sequence)
    state = loaded.state
    assert state.problems == ()
    assert state.channels == PHASES
    loaded.parameters.repetitions = 2
    loaded.logic.start(waitForCompletion=True)
    assert loaded.state.isPrepared
    loaded.logic.showStep("correct")
    position = loaded.state.corrections.rows[0].slice
    loaded.draw(position)
    assert loaded.statuses()[position] == "in progress"
    loaded.logic.markCorrected([position])
    loaded.logic.tune(waitForCompletion=True)
    assert loaded.state.step == "result"
    assert loaded.state.review.rows


def test_a_volume_of_another_size_cannot_be_part_of_a_series(loaded: Work) -> None:
    import numpy as np
    import slicer
    from PatientSpecificTuningLib.engine.errors import InputError

    small = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "small")
    slicer.util.updateVolumeFromArray(small, np.zeros((2, 8, 8), dtype=np.float32))
    [first, *_rest] = loaded.logic.seriesCandidates("baseline", "First")
    with pytest.raises(InputError, match="has another size than"):
        loaded.logic.makeSeries("baseline", "First", [(first[0], 0), (small.GetID(), 0)])
    with pytest.raises(InputError, match="no volume to make a series of"):
        loaded.logic.makeSeries("baseline", "First", [])
    assert loaded.parameters.baselineFirst is None
