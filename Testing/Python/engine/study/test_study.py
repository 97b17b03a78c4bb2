"""A study from manifest to report on tiny patients: its figures, what is shared, what is repeated, what may fail."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cohorts import TINY_DESIGN
from cohorts import tiny_study
from cohorts import write_cohort
from patients import write_image
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.model.card import Pathway
from PatientSpecificTuningLib.engine.network import prediction
from PatientSpecificTuningLib.engine.study.design import Design
from PatientSpecificTuningLib.engine.study.design import Setting
from PatientSpecificTuningLib.engine.study.shard import Shard
from PatientSpecificTuningLib.engine.study.study_folder import open_study
from PatientSpecificTuningLib.engine.study.study_run import RunOptions
from PatientSpecificTuningLib.engine.study.study_run import run_study

EVERY_TABLE = ["table1", "table2", "table3", "iterations", "table4", "table5", "challenge", "sizes"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", lesion_bias=-2.3)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"), patients=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cohort: Path, model: Path) -> Path:
    output = tmp_path_factory.mktemp("study")
    run_study(tiny_study(output, cohort, model), RunOptions(keep_features=True))
    return output


def _tables(output: Path) -> dict:
    return json.loads((output / "tables.json").read_text(encoding="utf-8"))


def _outcome(output: Path, patient: str, setting: str) -> dict:
    return json.loads((output / "patients" / patient / f"{setting}.json").read_text(encoding="utf-8"))


def test_the_default_design_has_the_axes_of_the_paper():
    names = [setting.name for setting in Design().settings()]
    assert names == [
        "base",
        "lesion-all-50",
        "lesion-all-100",
        "lesion-all-500",
        "lesion-all-1000",
        "organ-1-100",
        "organ-2-100",
        "lesion-1-100",
        "lesion-2-100",
        "organ-all-100",
        "lesion-all-100-weighted",
    ]
    assert [s.name for s in Design().settings() if s.uncertainty] == ["base", "lesion-all-100"]


def test_a_design_survives_json_and_refuses_nonsense():
    design = Design(iterations=(3,), slice_counts=(2, 5), every_pixel=True)
    assert Design.from_dict(json.loads(json.dumps(design.to_dict()))) == design
    with pytest.raises(InputError, match="iterations"):
        Design(iterations=())


def test_every_pixel_means_the_paper_s_own_way():
    settings = Design(every_pixel=True).tuning(Setting(7, weighted=True), "detection")
    assert (settings.patch_pool, settings.pixels_per_iteration) == (None, None)
    assert (settings.iterations, settings.weighting) == (7, "detection")


def test_figures_are_those_of_the_verbs_one_by_one(finished, cohort, model, tmp_path):
    patient = open_study(finished).patient("p1")
    case = workflow.prepare(
        tmp_path / "case",
        baseline=patient.baseline,
        followup=patient.followup,
        model=model,
        registration="none",
    )
    base = workflow.segment(case, weights="base", repetitions=0)
    workflow.annotate(case, patient.baseline.lesions)
    workflow.tune(case, iterations=2)
    tuned = workflow.segment(case, repetitions=0)
    for setting, result in (("base", base), ("lesion-all-2", tuned)):
        expected = workflow.evaluate(case, patient.followup.lesions, number=result.number)
        measured = _outcome(finished, "p1", setting)["measures"]["metrics"]
        assert {name: measured[name] for name in expected} == expected


def test_lesions_volumes_and_uncertainty_are_measured(finished):
    measures = _outcome(finished, "p1", "base")["measures"]
    assert sum(lesion["volume_mm3"] for lesion in measures["lesions"]) == pytest.approx(
        1000 * measures["reference_ml"], rel=1e-3
    )
    assert measures["uncertainty"]["max_sd"] > 0
    assert _outcome(finished, "p1", "lesion-1-2")["measures"]["uncertainty"] is None


def test_every_table_is_left_in_every_format(finished):
    tables = _tables(finished)
    assert list(tables["tables"]) == EVERY_TABLE
    assert tables["patients"] == ["p1", "p2", "p3"]
    for key in EVERY_TABLE:
        assert all(
            (finished / "tables" / f"{key}{suffix}").stat().st_size for suffix in (".md", ".csv", ".tex")
        )
    cell = tables["tables"]["table4"]["rows"][0]["cells"]["dice"]
    dice = [
        _outcome(finished, patient, "base")["measures"]["metrics"]["dice"] for patient in tables["patients"]
    ]
    assert cell["summary"]["mean"] == pytest.approx(np.mean(dice))
    assert all(entry["comparison"]["pairs"] == 3 for entry in tables["uncertainty"])


def test_the_html_report_opens_offline_and_shows_every_plot(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(list((finished / "plots").glob("*.png"))) == 4
    assert not re.search(r"(src|href)=\"(?!data:)|https?://|@import|<script", page)
    assert "not for clinical use" in page


def test_running_again_measures_nothing_and_gives_the_same_tables(finished, cohort, model):
    before = {path: path.stat().st_mtime_ns for path in finished.glob("patients/*/*.json")}
    tables = (finished / "tables.json").read_bytes()
    run_study(tiny_study(finished, cohort, model), RunOptions(keep_features=True))
    assert {path: path.stat().st_mtime_ns for path in finished.glob("patients/*/*.json")} == before
    assert (finished / "tables.json").read_bytes() == tables


def test_features_are_computed_once_for_each_scan(tmp_path, cohort, model, monkeypatch):
    computed = []
    original = prediction.compute_features

    def counting(network, images, organ, path, **options):
        computed.append(Path(path).name)
        return original(network, images, organ, path, **options)

    monkeypatch.setattr(prediction, "compute_features", counting)
    run_study(tiny_study(tmp_path, write_cohort(tmp_path / "cohort", patients=1), model))
    assert computed.count("features.npy") == 2
    assert not (tmp_path / "patients" / "p1" / "case").exists()


@pytest.mark.long
def test_other_labels_are_measured_anew(tmp_path, model):
    manifest = write_cohort(tmp_path / "cohort", patients=1)
    run_study(tiny_study(tmp_path / "study", manifest, model))
    before = _outcome(tmp_path / "study", "p1", "base")["measures"]["reference_ml"]
    labels = np.zeros((4, 48, 44), np.uint8)
    labels[1, 20:30, 20:30] = 1
    write_image(tmp_path / "cohort" / "p1" / "followup_lesion_mask.nii.gz", labels)
    run_study(tiny_study(tmp_path / "study", manifest, model))
    after = _outcome(tmp_path / "study", "p1", "base")["measures"]["reference_ml"]
    assert after == pytest.approx(100 * 0.958**2 * 3 / 1000)
    assert after != before


@pytest.mark.long
def test_a_patient_that_fails_is_reported_and_the_others_go_on(tmp_path, model):
    manifest = write_cohort(tmp_path / "cohort", patients=3)
    study = tiny_study(tmp_path / "study", manifest, model)
    broken = tmp_path / "cohort" / "p2" / "followup_FLAIR.nii.gz"
    write_image(broken, np.full((4, 48, 44), np.nan, np.float32))
    answer = run_study(study)
    assert answer["patients"] == 2
    assert len(answer["failed"]) == 1
    assert answer["failed"][0].startswith("p2: ")
    tables = _tables(tmp_path / "study")
    assert (tables["patients"], tables["left_out"]) == (["p1", "p3"], ["p2"])
    assert "p2" in (tmp_path / "study" / "report.md").read_text(encoding="utf-8")
    shutil.copy(tmp_path / "cohort" / "p1" / "followup_FLAIR.nii.gz", broken)
    assert run_study(study)["patients"] == 3


@pytest.mark.long
def test_selected_slices_without_lesion_are_undefined_and_said_to_be(tmp_path, model):
    manifest = write_cohort(tmp_path / "cohort", patients=2)
    labels = np.zeros((4, 48, 44), np.uint8)
    labels[:, 22:26, 20:24] = 1
    write_image(tmp_path / "cohort" / "p2" / "baseline_lesion_mask.nii.gz", labels)
    design = Design(iterations=(1,), reference_iterations=1, slice_counts=(1,), repetitions=2)
    study = tiny_study(tmp_path / "study", manifest, model)
    study = type(study)(study.folder, study.cohort, design, study.preparation, study.patients)
    run_study(study)
    chosen = _outcome(study.folder, "p1", "organ-1-1")["slices"]
    labels[chosen] = 0
    write_image(tmp_path / "cohort" / "p1" / "baseline_lesion_mask.nii.gz", labels)
    run_study(study)
    assert _outcome(study.folder, "p1", "organ-1-1")["measures"] is None
    tables = _tables(study.folder)
    assert tables["undefined"] == {"organ-1-1": ["p1"]}
    (row,) = (row for row in tables["tables"]["table4"]["rows"] if row["setting"] == "organ-1-1")
    assert (row["cells"]["dice"]["summary"]["n"], row["cells"]["dice"]["comparison"]["pairs"]) == (1, 1)


@pytest.mark.long
def test_a_detection_model_on_liver_phantoms_is_judged_by_its_own_measures(tmp_path):
    pathways = (Pathway("DCE", 16), Pathway("DWI", 3))
    model = write_tiny_model(
        tmp_path / "tiny",
        task="detection",
        organ="liver",
        pathways=pathways,
        missing_sequences=(),
        spacing_in_plane_mm=2.0,
    )
    arguments = [
        "study",
        "--recipe",
        "liver",
        "--quick",
        "--patients",
        1,
        "--model",
        model,
        "--iterations",
        1,
    ]
    arguments += [
        "--reference-iterations",
        1,
        "--slices",
        1,
        "--repetitions",
        2,
        "--output",
        tmp_path / "study",
    ]
    assert main([str(argument) for argument in [*arguments, "--quiet"]]) == 0
    tables = _tables(tmp_path / "study")
    assert (tables["task"], tables["phantom"], tables["cohort"]) == (
        "detection",
        True,
        "small liver phantoms",
    )
    assert tables["tables"]["sizes"]["test"].startswith("Wilcoxon")
    assert tables["tables"]["table3"]["rows"][2]["label"] == "Weighted FT CNN (detection weights)"
    assert "phantoms: simulated" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8")


@pytest.mark.long
def test_shards_share_the_patients_and_the_tables_come_afterwards(tmp_path, finished, cohort, model):
    study = tiny_study(tmp_path, cohort, model)
    shares = [run_study(study, RunOptions(shard=Shard(number, 2)))["patients"] for number in (1, 2)]
    assert shares == [["p1", "p3"], ["p2"]]
    assert not (tmp_path / "tables.json").exists()
    assert main(["study", "--output", str(tmp_path), "--quiet"]) == 0
    assert _tables(tmp_path)["tables"] == _tables(finished)["tables"]


def test_a_job_array_goes_on_with_the_study_of_its_folder(tmp_path, cohort, model, capsys):
    output, script = tmp_path / "my study", tmp_path / "study.sbatch"
    arguments = [
        "study",
        cohort,
        "--output",
        output,
        "--model",
        model,
        "--array-script",
        script,
        "--array-jobs",
        4,
    ]
    assert main([str(a) for a in [*arguments, "--gpu", "--quiet"]]) == 0
    text = script.read_text(encoding="utf-8")
    assert "#SBATCH --array=1-4\n" in text
    assert "#SBATCH --gres=gpu:1\n" in text
    assert f"study --output '{output}' --quiet --shard \"$SLURM_ARRAY_TASK_ID/4\"" in text
    assert [patient.identifier for patient in open_study(output).patients] == ["p1", "p2", "p3"]
    assert not list(output.glob("patients/*"))


@pytest.mark.parametrize("arguments", [["--shard", "3/2"], ["--shard", "two"], ["--recipe", "lung"], []])
def test_what_makes_no_study_gets_one_sentence(tmp_path, arguments, capsys):
    assert main(["study", "--output", str(tmp_path / "none"), "--quiet", *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_tiny_design_covers_every_axis():
    assert {setting.among for setting in TINY_DESIGN.settings()} == {"lesion", "organ"}
    assert any(setting.weighted for setting in TINY_DESIGN.settings())
