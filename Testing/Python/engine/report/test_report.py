"""The report: one offline page and the same as JSON, escaped, whatever a name or a note says."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from patients import write_image
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.report.both_examinations import both_examinations
from PatientSpecificTuningLib.engine.report.change_pictures import draw_change
from PatientSpecificTuningLib.engine.report.content import headline
from PatientSpecificTuningLib.engine.report.content import read_change
from PatientSpecificTuningLib.engine.report.page import html_page
from PatientSpecificTuningLib.engine.report.registration_picture import draw_checkerboard
from PatientSpecificTuningLib.engine.report.tiles import as_png

SHAPE = (8, 60, 60)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A tiny patient that was prepared and tuned, with a result whose changes are then written by hand."""
    root = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    organ = np.zeros(SHAPE, dtype=np.uint8)
    organ[:, 8:52, 8:52] = 1
    mask = write_image(root / "mask.nii.gz", organ)
    files = {}
    for name in ("baseline", "followup"):
        image = (500 + 20 * rng.standard_normal(SHAPE)).astype(np.float32) * organ
        image[3:5, 20:30, 20:30] *= 1.5
        if name == "followup":
            image[3:5, 34:42, 34:42] *= 1.5
        files[name] = {s: write_image(root / f"{name}_{s}.nii.gz", image) for s in ("FLAIR", "T1")}
    case = workflow.prepare(
        root / "case",
        **files,
        baseline_mask=mask,
        followup_mask=mask,
        model=write_tiny_model(root / "model"),
        registration="none",
    )
    lesions = np.zeros(SHAPE, dtype=np.uint8)
    lesions[3:5, 20:30, 20:30] = 1
    workflow.annotate(case, write_image(root / "lesions.nii.gz", lesions), slices=[3, 4])
    workflow.tune(case, iterations=200, learning_rate=1e-2)
    review.judge(case)
    review.decide(case, "tuned", by="<script>alert(1)</script>")
    workflow.segment(case, repetitions=0)
    return case


def test_the_page_holds_everything_and_loads_nothing(case: Case, tmp_path: Path) -> None:
    written = review.report(case, output=tmp_path / "page.html")
    text = Path(written["html"]).read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"'](?!data:)", text)
    for words in (
        "For research only",
        "SHA-256",
        "Sure changes",
        "corrected slices",
        "SimpleITK",
        "learning rate",
        "kept 0.0, risen 4.0",
    ):
        assert words in text


def test_what_a_person_typed_is_escaped(case: Case, tmp_path: Path) -> None:
    text = Path(review.report(case, output=tmp_path / "page.html")["html"]).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_json_says_the_same_as_the_table(case: Case) -> None:
    content = json.loads(Path(review.report(case)["json"]).read_text(encoding="utf-8"))
    rows = read_change(workflow.result(case).change_table)
    assert len(content["changes"]) + len(content["doubtful"]) == len(rows)
    assert content["verdict_figures"]["sentence"] == content["verdict"]
    assert content["decision"]["choice"] == "tuned"
    assert content["made_from"]["versions"]["python"]
    assert content["tuning"]["device"]


def test_a_picture_shows_three_views_of_the_changed_place(case: Case, tmp_path: Path) -> None:
    both = both_examinations(case, workflow.result(case))
    both.map[:], both.followup_labels[:] = 0, 0
    both.followup_labels[3:5, 34:42, 34:42] = 7
    both.map[4, 34:42, 34:42] = 1
    picture, position = draw_change(both, {"baseline_labels": "", "followup_labels": "7"})
    (tmp_path / "picture.png").write_bytes(picture)
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "picture.png")))
    assert position == 4
    assert pixels.shape == (260, 3 * 260 + 2 * 6, 3)
    coloured = np.ptp(pixels.astype(int), axis=2).max(axis=0) > 50
    assert not coloured[:260].any()
    assert coloured[-260:].any()


def test_a_checkerboard_shows_both_examinations_in_turn(case: Case, tmp_path: Path) -> None:
    rows = np.broadcast_to(np.arange(SHAPE[1], dtype=np.float32)[None, :, None], SHAPE)
    both = replace(both_examinations(case, workflow.result(case)), followup=rows, baseline=-rows)
    (tmp_path / "picture.png").write_bytes(draw_checkerboard(both))
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "picture.png")))
    assert pixels.shape == (260, 3 * 260 + 2 * 6, 3)
    row = pixels[65, :260, 0] > 128
    assert np.count_nonzero(row[1:] != row[:-1]) >= 5


def test_pictures_that_find_no_space_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(image: sitk.Image, path: str) -> None:
        raise RuntimeError(path)

    monkeypatch.setattr(sitk, "WriteImage", full)
    with pytest.raises(InputError, match="pictures of the report cannot be written"):
        as_png([np.zeros((260, 260, 3), dtype=np.uint8)])


def test_without_a_sure_change_the_report_says_so() -> None:
    assert "No lesion changed" in headline({"sure_change": {}})
    assert "2 new, 1 shrunk" in headline({"sure_change": {"shrunk": 1, "new": 2}})


def test_a_page_without_verdict_dates_or_pictures_is_still_a_page(case: Case) -> None:
    workflow.segment(case, weights="base", repetitions=0)
    content = json.loads(Path(review.report(case)["json"]).read_text(encoding="utf-8"))
    page = html_page(content, [], None, "title")
    assert "base CNN" in page
    case.set_current("results", "0001")


def test_a_result_of_the_baseline_has_no_report(case: Case) -> None:
    result = workflow.segment(case, examination="baseline", weights="base", repetitions=0)
    with pytest.raises(InputError, match="segment the follow-up"):
        review.report(case, number=result.number)
    case.set_current("results", "0001")


def test_the_report_of_a_result_that_is_removed_meanwhile_leaves_nothing(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PatientSpecificTuningLib.engine.report import report

    with case.new_version("results") as folder:
        shutil.copytree(workflow.result(case).folder, folder, dirs_exist_ok=True)
    number = str(case.current["results"])

    def meanwhile(*arguments: object) -> str:
        Case.open(case.folder).remove_version("results", number)
        return html_page(*arguments)

    monkeypatch.setattr(report, "html_page", meanwhile)
    with pytest.raises(InputError, match=f"no results version {number}"):
        review.report(case, number=number)
    assert not (case.folder / "results" / number).exists()
    assert not list(case.folder.rglob(".*"))
