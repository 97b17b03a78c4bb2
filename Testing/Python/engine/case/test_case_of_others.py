"""A case that several processes use, or that somebody else made: nothing is lost, nothing outside is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PatientSpecificTuningLib.engine.case import annotation
from PatientSpecificTuningLib.engine.case.annotation import load_annotation
from PatientSpecificTuningLib.engine.case.annotation import save_annotation
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.examination_record import ExaminationRecord
from PatientSpecificTuningLib.engine.case.layout import remove_unfinished
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.files.content_hash import ContentHash
from PatientSpecificTuningLib.engine.images.geometry import Grid

MODEL = {"name": "tiny", "version": "1", "folder": "models/tiny", "sha256": "a" * 64}
GRID = Grid((4, 5, 6), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
NEEDS_LINKS = pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")


def _record(content: str = "1") -> ExaminationRecord:
    return ExaminationRecord({"FLAIR": ContentHash(["f.nii"], content)}, None, GRID, GRID, {})


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = Case.create(tmp_path / "case", model=MODEL)
    with made.new_examination("baseline", _record()) as files:
        (files / "images.npy").write_bytes(b"images")
    return made


def _version(case: Case, kind: str, values: dict[str, object]) -> None:
    name = {"tuned": "provenance.json", "results": "run.json"}[kind]
    with case.new_version(kind, origin=values) as folder:
        (folder / name).write_text(json.dumps(values))


def _labels(*voxels: tuple[int, int, int]) -> np.ndarray:
    labels = np.zeros(GRID.shape, dtype=bool)
    for voxel in voxels:
        labels[voxel] = True
    return labels


def test_what_another_process_prepared_meanwhile_is_kept(case: Case) -> None:
    other = Case.open(case.folder)
    with other.new_examination("followup", _record("2")):
        _version(case, "tuned", {"seed": 1})
    opened = Case.open(case.folder)
    assert set(opened.examinations) == {"baseline", "followup"}
    assert opened.current["tuned"] == "0001"


def test_an_examination_that_another_process_prepared_from_other_images_is_not_replaced(case: Case) -> None:
    other = Case.open(case.folder)

    def both() -> None:
        with other.new_examination("followup", _record("3")) as mine:
            (mine / "images.npy").write_bytes(b"mine")
            with case.new_examination("followup", _record("2")) as theirs:
                (theirs / "images.npy").write_bytes(b"theirs")

    with pytest.raises(InputError, match="prepared meanwhile"):
        both()
    assert (case.folder / "followup" / "images.npy").read_bytes() == b"theirs"
    assert Case.open(case.folder).record("followup").sequences["FLAIR"].sha256 == "2"


def test_two_that_make_the_same_version_at_once_make_one(case: Case) -> None:
    other = Case.open(case.folder)
    with other.new_version("tuned", origin={"seed": 1}) as folder:
        (folder / "provenance.json").write_text('{"seed": 1}')
        _version(case, "tuned", {"seed": 1})
    assert case.versions("tuned") == ["0001"]
    assert other.current["tuned"] == "0001"


def test_a_result_of_a_tuned_version_that_was_removed_meanwhile_is_not_kept(case: Case) -> None:
    _version(case, "tuned", {"seed": 1})

    def segment() -> None:
        with case.new_version("results", origin={"tuned": "0001"}) as folder:
            (folder / "run.json").write_text('{"tuned": "0001"}')
            Case.open(case.folder).remove_version("tuned", "0001")

    with pytest.raises(InputError, match="has no tuned version 0001"):
        segment()
    assert case.versions("results") == []


def test_an_addition_to_a_result_that_was_removed_meanwhile_leaves_nothing(case: Case) -> None:
    _version(case, "results", {"tuned": None})

    def add() -> None:
        with case.additions("results", "0001") as folder:
            (folder / "uncertainty.nii.gz").write_bytes(b"x")
            Case.open(case.folder).remove_version("results", "0001")

    with pytest.raises(InputError, match="has no results version 0001"):
        add()
    assert os.listdir(case.folder / "results") == []


@pytest.mark.parametrize("left", [0, 1])
def test_the_current_version_is_one_that_is_there_even_where_its_folder_was_deleted(
    case: Case, left: int
) -> None:
    for seed in range(left + 1):
        _version(case, "tuned", {"seed": seed})
    shutil.rmtree(case.folder / "tuned" / case.current["tuned"])
    assert Case.open(case.folder).current["tuned"] == ("0001" if left else None)


def test_a_removal_that_is_killed_leaves_the_pointer_on_a_version(case: Case, monkeypatch) -> None:
    for seed in range(2):
        _version(case, "tuned", {"seed": seed})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("PatientSpecificTuningLib.engine.case.versions.move", killed)
    with pytest.raises(KeyboardInterrupt):
        case.remove_version("tuned", "0002")
    assert Case.open(case.folder).current["tuned"] == "0001"
    assert case.versions("tuned") == ["0001", "0002"]


@pytest.mark.parametrize(("kind", "final"), [("tuned", "provenance.json"), ("results", "run.json")])
def test_a_case_that_is_removed_while_something_runs_is_told_and_not_made_again(
    case: Case, kind: str, final: str
) -> None:
    def removed_meanwhile() -> None:
        with case.new_version(kind) as folder:
            shutil.rmtree(case.folder)
            write_text(folder / final, "{}")

    with pytest.raises(InputError, match="is not a case folder"):
        removed_meanwhile()
    assert not case.folder.exists()


def test_a_case_that_another_one_replaced_is_told(case: Case) -> None:
    other = Case.open(case.folder)
    values = json.loads((case.folder / "case.json").read_text())
    values["model"]["sha256"] = "b" * 64
    (case.folder / "case.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="now holds another case"):
        other.set_current("tuned", None)


def test_corrections_that_are_interrupted_between_labels_and_list_are_the_earlier_ones(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_annotation(case, _labels((1, 2, 2)), [1])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(annotation, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        save_annotation(case, _labels((3, 1, 1)), [3])
    monkeypatch.undo()
    kept = load_annotation(case)
    assert kept.slices == (1,)
    assert np.array_equal(kept.labels, _labels((1, 2, 2)))
    save_annotation(case, _labels((3, 1, 1)), [3])
    assert len(list(case.annotation_folder.glob("labels*"))) == 1


def test_labels_that_do_not_belong_to_the_list_are_refused(case: Case) -> None:
    save_annotation(case, _labels((1, 2, 2)), [1])
    (first,) = case.annotation_folder.glob("labels*")
    content = first.read_bytes()
    save_annotation(case, _labels((1, 3, 3)), [1])
    (second,) = case.annotation_folder.glob("labels*")
    second.write_bytes(content)
    with pytest.raises(InputError, match="are not those that"):
        load_annotation(case)


@pytest.mark.parametrize(
    "change",
    [
        {"slices": [99]},
        {"slices": ["1"]},
        {"slices": [[1]]},
        {"slices": {}},
        {"slices": [-1]},
        {"labels": "../../../victim.nii.gz"},
        {"labels": 3},
        {"sha256": 5},
    ],
)
def test_a_list_of_slices_with_other_kinds_of_values_is_one_sentence(case: Case, change: dict) -> None:
    save_annotation(case, _labels((1, 2, 2)), [1])
    path = case.annotation_folder / "slices.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError):
        load_annotation(case)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", []),
        ("model", {"name": 3}),
        ("current", {"tuned": 1}),
        ("current", {"elsewhere": None}),
        ("current", []),
        ("examinations", {"../../victim": None}),
        ("examinations", {"baseline": []}),
        ("examinations", {"baseline": {"sequences": {"FLAIR": 1}}}),
        ("examinations", []),
    ],
)
def test_a_case_json_with_other_kinds_of_values_is_one_sentence(case: Case, key: str, value: object) -> None:
    path = case.folder / "case.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(InputError, match=r"case\.json is damaged"):
        Case.open(case.folder)


def test_an_unknown_kind_of_version_is_one_sentence(case: Case) -> None:
    for kind in ("../../victim", "", None, ["tuned"]):
        with pytest.raises(InputError, match="There are no versions of"):
            case.remove_version(kind, "0001")


@NEEDS_LINKS
@pytest.mark.parametrize("name", ["baseline/annotation", "baseline/patches", "followup", "tuned", "results"])
def test_a_case_whose_folder_is_a_link_to_elsewhere_is_not_opened(
    case: Case, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    (victim / "0001").mkdir(parents=True)
    (victim / "slice0009-x.npy").write_text("precious")
    (case.folder / name).symlink_to(victim)
    for use in (
        lambda: Case.open(case.folder),
        lambda: case.new_version("tuned").__enter__(),
        lambda: save_annotation(case, _labels((1, 2, 2)), [1]),
    ):
        with pytest.raises(InputError, match="leads out of the folder"):
            use()
    assert sorted(os.listdir(victim)) == ["0001", "slice0009-x.npy"]


@NEEDS_LINKS
def test_a_version_that_is_a_link_is_no_version(case: Case, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "run.json").write_text("{}")
    (case.folder / "results").mkdir()
    (case.folder / "results" / "0001").symlink_to(victim)
    assert case.versions("results") == []
    with pytest.raises(InputError, match="has no results version"):
        case.remove_version("results", "0001")
    _version(case, "results", {"tuned": None})
    assert case.versions("results") == ["0002"]
    assert os.listdir(victim) == ["run.json"]


def test_the_unfinished_is_removed_in_a_case_only_and_only_where_the_program_writes(tmp_path: Path) -> None:
    from PatientSpecificTuningLib.engine.files.processes import this_computer

    name = f".pst-{this_computer()}-999999999-0.partial.scan.nii"
    for folder in ("baseline", "home/documents", "tuned"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text("x")
    remove_unfinished(tmp_path)
    assert len(list(tmp_path.rglob("*.partial*"))) == 3
    Case.create(tmp_path, model=MODEL)
    remove_unfinished(tmp_path)
    assert list(tmp_path.rglob("*.partial*")) == [tmp_path / "home" / "documents" / name]
