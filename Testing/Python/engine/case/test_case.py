"""The case folder: created, resumed, never overwritten, never half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.examination_record import ExaminationRecord
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.files.content_hash import ContentHash
from PatientSpecificTuningLib.engine.files.content_hash import content_hash
from PatientSpecificTuningLib.engine.images.geometry import Grid

MODEL = {"name": "tiny", "version": "1", "folder": "models/tiny", "sha256": "a" * 64}


def _grid(x: int = 4) -> Grid:
    return Grid((x, 5, 6), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


def _record(**changes: object) -> ExaminationRecord:
    values = {
        "sequences": {"FLAIR": ContentHash(["f.nii"], "1"), "T1": ContentHash(["t.nii"], "2")},
        "organ_mask": None,
        "working_grid": _grid(),
        "user_grid": _grid(7),
        "settings": {"registration": "rigid"},
        "notes": ("The brain mask was estimated.",),
    }
    return ExaminationRecord(**(values | changes))


def test_an_opened_case_knows_everything_that_was_saved(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case", model=MODEL)
    with case.new_examination("baseline", _record()):
        pass
    opened = Case.open(tmp_path / "case")
    assert opened == case
    assert opened.record("baseline").user_grid == _grid(7)


def test_creating_a_case_that_exists_resumes_it(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)
    with case.new_examination("followup", _record()):
        pass
    assert "followup" in Case.create(tmp_path, model=MODEL).examinations


def test_a_case_of_another_model_is_not_resumed(tmp_path: Path) -> None:
    Case.create(tmp_path, model=MODEL)
    with pytest.raises(InputError, match="choose a new case folder"):
        Case.create(tmp_path, model={**MODEL, "sha256": "b" * 64})


def test_a_folder_without_case_json_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a case folder"):
        Case.open(tmp_path)


def test_a_case_made_by_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = json.dumps({"format_version": 99, "something": "new"})
    (tmp_path / "case.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="newer version"):
        Case.create(tmp_path, model=MODEL)
    assert (tmp_path / "case.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format_version": 1}', '{"examinations": {"a": 1}}']
)
def test_a_damaged_case_json_is_one_clear_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "case.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"case\.json"):
        Case.open(tmp_path)


def test_versions_are_numbered_and_the_newest_is_current(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)
    for value in (1, 2):
        with case.new_version("tuned") as folder:
            (folder / "provenance.json").write_text(json.dumps({"value": value}), encoding="utf-8")
    assert case.versions("tuned") == ["0001", "0002"]
    assert Case.open(tmp_path).current["tuned"] == "0002"
    assert case.version_info("tuned", "0001") == {"value": 1}


def test_a_version_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)

    def fail() -> None:
        with case.new_version("results") as folder:
            (folder / "labelmap.nii.gz").write_bytes(b"half")
            message = "stopped"
            raise KeyboardInterrupt(message)

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list((tmp_path / "results").iterdir()) == []
    assert case.current["results"] is None


def test_a_version_without_its_final_json_does_not_count_and_is_not_overwritten(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)
    (tmp_path / "tuned" / "0001").mkdir(parents=True)
    assert case.versions("tuned") == []
    with case.new_version("tuned") as folder:
        (folder / "provenance.json").write_text("{}", encoding="utf-8")
    assert case.versions("tuned") == ["0002"]


def test_rolling_back_moves_a_pointer_and_deletes_nothing(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)
    with case.new_version("tuned") as folder:
        (folder / "provenance.json").write_text("{}", encoding="utf-8")
    case.set_current("tuned", None)
    assert Case.open(tmp_path).current["tuned"] is None
    assert case.versions("tuned") == ["0001"]


def test_rolling_back_to_a_version_that_is_not_there_is_refused(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)
    with pytest.raises(InputError, match="has no tuned version 0007"):
        case.set_current("tuned", "0007")


def test_an_examination_that_is_not_prepared_is_named(tmp_path: Path) -> None:
    case = Case.create(tmp_path, model=MODEL)
    with pytest.raises(InputError, match=r"followup .* is not prepared"):
        case.record("followup")


def test_the_same_content_under_another_name_is_the_same_input() -> None:
    moved = _record(sequences={"FLAIR": ContentHash(["x.nii"], "1"), "T1": ContentHash(["y.nii"], "2")})
    assert _record().same_input(moved)


def test_other_content_or_settings_are_another_input() -> None:
    changed = {"FLAIR": ContentHash(["f.nii"], "9"), "T1": ContentHash(["t.nii"], "2")}
    assert not _record().same_input(_record(sequences=changed))
    assert not _record().same_input(_record(settings={"registration": "none"}))
    assert not _record().same_input(_record(organ_mask=ContentHash(["m.nii"], "3")))


def test_the_hash_of_a_folder_depends_on_its_files_content(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"one")
    before = content_hash([tmp_path], "FLAIR").sha256
    (tmp_path / "a.dcm").write_bytes(b"two")
    assert content_hash([tmp_path], "FLAIR").sha256 != before


def test_a_missing_file_is_named_with_its_role(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"baseline FLAIR .*gone\.nii does not exist"):
        content_hash([tmp_path / "gone.nii"], "baseline FLAIR")


def test_removing_a_version_makes_the_newest_that_is_left_current(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case", model=MODEL)
    for _ in range(3):
        with case.new_version("results") as folder:
            (folder / "run.json").write_text("{}", encoding="utf-8")
    case.remove_version("results", "0003")
    assert case.versions("results") == ["0001", "0002"]
    assert Case.open(case.folder).current["results"] == "0002"
    case.remove_version("results", "0001")
    assert case.current["results"] == "0002"


def test_a_tuned_version_that_made_a_result_is_not_removed(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case", model=MODEL)
    for kind, name, text in (
        ("tuned", "provenance.json", "{}"),
        ("results", "run.json", '{"tuned": "0001"}'),
    ):
        with case.new_version(kind) as folder:
            (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"made the results 0001; remove these first"):
        case.remove_version("tuned", "0001")
    assert case.versions("tuned") == ["0001"]
