"""A case that went through every step, and a measured study: whoever opens them reads many files, each of which may be damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from cohorts import TINY_DESIGN
from mutations import mutated_bytes
from mutations import mutated_compressed
from mutations import mutated_json
from mutations import mutated_text
from mutations import with_damaged_values
from patients import write_image
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case import layout
from PatientSpecificTuningLib.engine.case.annotation import load_annotation
from PatientSpecificTuningLib.engine.case.annotation import load_tuned_annotation
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.layout import LIVE_JSON
from PatientSpecificTuningLib.engine.case.layout import live_folder
from PatientSpecificTuningLib.engine.case.provenance import now
from PatientSpecificTuningLib.engine.cohort.patient import CohortPatient
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.nifti_file import is_cut_short
from PatientSpecificTuningLib.engine.images.scan_files import ExaminationFiles
from PatientSpecificTuningLib.engine.images.transform_file import read_transform
from PatientSpecificTuningLib.engine.images.volumes import read_stored
from PatientSpecificTuningLib.engine.lesions import alignment
from PatientSpecificTuningLib.engine.lesions.alignment import TRANSFORM
from PatientSpecificTuningLib.engine.lesions.alignment import alignment_of
from PatientSpecificTuningLib.engine.lesions.comparison import CHANGE_MAP
from PatientSpecificTuningLib.engine.lesions.comparison import CHANGE_TABLE
from PatientSpecificTuningLib.engine.lesions.results import LESION_LABELS
from PatientSpecificTuningLib.engine.live_files import read_live
from PatientSpecificTuningLib.engine.network.prepared import IMAGES
from PatientSpecificTuningLib.engine.network.prepared import ORGAN_MASK
from PatientSpecificTuningLib.engine.report.content import report_content
from PatientSpecificTuningLib.engine.report.page import html_page
from PatientSpecificTuningLib.engine.study import experiment
from PatientSpecificTuningLib.engine.study.design import Cohort
from PatientSpecificTuningLib.engine.study.design import Preparation
from PatientSpecificTuningLib.engine.study.measures import FollowupLesions
from PatientSpecificTuningLib.engine.study.measures import followup_measures
from PatientSpecificTuningLib.engine.study.significance import Significance
from PatientSpecificTuningLib.engine.study.study_folder import Study
from PatientSpecificTuningLib.engine.study.study_results import collect
from PatientSpecificTuningLib.engine.verdict.verdict import write_verdict
from PatientSpecificTuningLib.panel.situation.case_facts import CaseReader
from PatientSpecificTuningLib.panel.situation.facts import Settings

Damage = Callable[[bytes, random.Random], bytes]
GRID = Grid((8, 9, 4), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
VERDICT = {
    "known": True,
    "better": True,
    "recommended": "tuned",
    "sentence": "On 2 corrected slices that it had not seen, the tuned CNN finds 2 of 2 lesions instead of 1.",
    "slices": [0, 1],
    "method": "leave one slice out",
    "base": {"dice": 0.5, "lesions": 2, "found": 1, "small": 0, "small_found": 0, "false": 0},
    "tuned": {"dice": 0.7, "lesions": 2, "found": 2, "small": 0, "small_found": 0, "false": 0},
    "small_mm3": 100.0,
    "seconds": 1.0,
    "created": now(),
}


def finished_case_targets(folder: Path) -> list[tuple[str, Path, Damage, Callable[[], object]]]:
    """Name, file, damage and reader for each file that a report, the panel or the next step reads of a case."""
    case = finished_case(folder)
    result, tuned = "results/0001", "tuned/0001"
    transform = case / TRANSFORM

    def opened() -> object:
        return load_tuned_annotation(Case.open(case), "0001"), review._settings(
            Case.open(case).version_info("tuned", "0001"), "0001"
        )

    return [
        ("report on a verdict", case / tuned / "verdict.json", mutated_json, lambda: _report(case)),
        ("report on a decision", case / tuned / "decision.json", mutated_json, lambda: _report(case)),
        ("report on a tuning", case / tuned / "provenance.json", mutated_json, lambda: _report(case)),
        ("report on a run", case / result / "run.json", mutated_json, lambda: _report(case)),
        ("report on a table", case / result / CHANGE_TABLE, mutated_text, lambda: _report(case)),
        ("alignment", transform, mutated_text, lambda: alignment_of(Case.open(case))),
        (
            "alignment's quality",
            transform.with_suffix(".json"),
            mutated_json,
            lambda: alignment_of(Case.open(case)),
        ),
        ("tuned settings", case / tuned / "provenance.json", mutated_json, opened),
        ("tuned weights", case / tuned / "head.safetensors", mutated_bytes, lambda: _head(case)),
        ("panel's run", case / result / "run.json", mutated_json, lambda: _shown(case)),
        ("panel's verdict", case / tuned / "verdict.json", mutated_json, lambda: _shown(case)),
        ("panel's lesions", case / result / "lesions.csv", mutated_text, lambda: _shown(case)),
        ("panel's changes", case / result / CHANGE_TABLE, mutated_text, lambda: _shown(case)),
        ("panel's transform", transform, mutated_text, lambda: _shown(case)),
        *_of_the_baseline(case),
        *_images(case / result),
    ]


def _of_the_baseline(case: Path) -> list[tuple[str, Path, Damage, Callable[[], object]]]:
    """What was prepared, corrected, learned while correcting, and given by hand."""
    baseline, given = case / "baseline", case.parent / "given"
    given.mkdir()
    moved = {suffix: given / f"moved{suffix}" for suffix in (".tfm", ".h5")}
    for path in moved.values():
        sitk.WriteTransform(sitk.TranslationTransform(3, (0.5, 0.0, 0.0)), str(path))
    live = live_folder(case) / LIVE_JSON
    (labels,) = layout.annotation_folder(case).glob("labels*")
    return [
        ("prepared images", baseline / IMAGES, mutated_bytes, lambda: _baseline(case)),
        ("prepared organ mask", baseline / ORGAN_MASK, mutated_compressed, lambda: _baseline(case)),
        ("corrected labels", labels, mutated_compressed, lambda: load_annotation(Case.open(case))),
        ("live tuning", live, mutated_json, lambda: _live(case)),
        ("panel's live tuning", live, mutated_json, lambda: _shown(case)),
        (
            "given alignment",
            moved[".tfm"],
            mutated_text,
            lambda: review.set_registration(case, moved[".tfm"]),
        ),
        ("given alignment .h5", moved[".h5"], mutated_bytes, lambda: _transform(moved[".h5"])),
    ]


def _images(result: Path) -> list[tuple[str, Path, Damage, Callable[[], object]]]:
    """What a report, an evaluation and the panel read of a result."""
    return [
        (f"result's {name}", result / name, mutated_compressed, lambda name=name: _stored(result / name))
        for name in (LESION_LABELS, CHANGE_MAP, "probability.nii.gz")
    ]


def _stored(path: Path) -> None:
    with suppress(OSError, ValueError):
        is_cut_short(path)
    read_stored(path)


def _baseline(case: Path) -> None:
    from PatientSpecificTuningLib.engine.network.prepared import open_examination

    open_examination(Case.open(case), "baseline")


def _transform(path: Path) -> None:
    with suppress(OSError, ValueError):
        read_transform(path)


def _live(case: Path) -> None:
    from PatientSpecificTuningLib.engine.live_files import kept_head
    from PatientSpecificTuningLib.engine.network.model_choice import model_of_case
    from PatientSpecificTuningLib.engine.network.model_folder import load_model

    opened = Case.open(case)
    kept_head(opened, {"slices": [0]}, load_model(model_of_case(opened))[1])
    read_live(live_folder(case) / LIVE_JSON)


def finished_case(folder: Path) -> Path:
    """The folder of a case that went through every step; its images and labels lie beside it in `patient`."""
    patient, model = write_patient(folder / "patient"), write_tiny_model(folder / "model", lesion_bias=0.3)
    files = {
        name: {s: patient / f"{name}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        for name in ("baseline", "followup")
    }
    masks = {f"{name}_mask": patient / f"{name}_brain_mask.nii.gz" for name in files}
    case = workflow.prepare(
        folder / "case", **files, **masks, model=model, registration="none", with_change=False
    )
    labels = patient / "baseline_lesion_mask.nii.gz"
    workflow.learn_so_far(case, labels, [0], iterations=1)
    workflow.annotate(case, labels, slices=[0, 1])
    workflow.tune(case, iterations=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "align", lambda *_, **__: sitk.Euler3DTransform())
        workflow.segment(case, repetitions=0)
    with case.additions("tuned", "0001") as added:
        write_verdict(added, VERDICT)
    review.decide(case, "tuned", by="a reader")
    return case.folder


def _report(case: Path) -> None:
    opened = Case.open(case)
    html_page(report_content(opened, workflow.result(opened, "0001")), [], None, "What changed")


def _head(case: Path) -> None:
    from PatientSpecificTuningLib.engine.network.model_choice import model_of_case
    from PatientSpecificTuningLib.engine.network.model_folder import load_model
    from PatientSpecificTuningLib.engine.network.tuned_head import load_tuned_head

    opened = Case.open(case)
    _card, network = load_model(model_of_case(opened))
    load_tuned_head(opened.version_folder("tuned", "0001"), network)


def _shown(case: Path) -> None:
    CaseReader().read(case, Settings(), lambda versions: versions[0].number if versions else "")


def outcome_target(folder: Path) -> tuple[Path, Damage, Callable[[], object]]:
    """File, damage and reader of one measurement of a study with two patients."""
    model = write_tiny_model(folder / "model")
    chance = np.random.default_rng(0)
    scan = write_image(folder / "scan.nii", chance.random(GRID.shape).astype(np.float32))
    lesions = write_image(folder / "lesions.nii", (chance.random(GRID.shape) > 0.8).astype(np.uint8))
    files = ExaminationFiles({"FLAIR": [scan], "T1": [scan]}, None, lesions)
    patients = tuple(CohortPatient(name, {"baseline": files, "followup": files}) for name in ("p1", "p2"))
    study = Study(folder / "study", Cohort("test"), TINY_DESIGN, Preparation(str(model), "none"), patients)
    study.save()
    for patient in ("p1", "p2"):
        _measure(study, patient, lesions)
    path = study.outcome_path("p1", study.design.settings()[1].name)

    def damaged(content: bytes, chance: random.Random) -> bytes:
        values = json.loads(content)
        part = {name: values.pop(name) for name in ("slices", "undefined", "measures")}
        changed = with_damaged_values(part, chance)
        return json.dumps(values | changed if isinstance(changed, dict) else changed).encode()

    return path, damaged, lambda: collect(study, Significance())


def _measure(study: Study, patient: str, lesions: Path) -> None:
    found = np.random.default_rng(len(patient)).random(GRID.shape) > 0.7
    for setting in study.design.settings():
        deviation = found.astype(np.float32) * 0.1 if setting.uncertainty else None
        values: dict[str, Any] = {
            "patient": patient,
            "origin": {**experiment._origin(study, patient), "setting": asdict(setting)},
            "slices": [1],
            "undefined": None,
            "measures": followup_measures(FollowupLesions(found, deviation, None, GRID, GRID), lesions),
        }
        path = study.outcome_path(patient, setting.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
